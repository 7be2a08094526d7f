"""Decides which commands of a repository are services, from evidence in the repository.

finding.py reads the files that may contain evidence; releases.py, dockerfiles.py and scripts.py parse them; rules.py
decides, with a reason for each command; naming.py names services and projects.
"""

from gobake.services.asking import asked_for
from gobake.services.commands import commands, idle, module_folders, package_folders
from gobake.services.finding import gather
from gobake.services.naming import image_name, project_name, service_names, title
from gobake.services.patterns import matches
from gobake.services.rules import Wishes, decide
from gobake.services.values import Build, Command, Evidence, Source, Use, Verdict

__all__ = [
    "Build",
    "Command",
    "Evidence",
    "Source",
    "Use",
    "Verdict",
    "Wishes",
    "asked_for",
    "commands",
    "decide",
    "gather",
    "idle",
    "image_name",
    "matches",
    "module_folders",
    "package_folders",
    "project_name",
    "service_names",
    "title",
]
