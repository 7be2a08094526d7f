"""Decides which commands of a repository are services, from evidence in the repository.

finding.py reads the files that may contain evidence; releases.py, dockerfiles.py and scripts.py parse them; rules.py
decides, with a reason for each command; naming.py names services and projects.
"""
