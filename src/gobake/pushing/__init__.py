"""Images in registries: by digest first, their tags last of all.

An image that is only known by its digest is seen by nobody. So what is pushed in several steps, by several builds or on
several machines, gets its tags when all of it is there.
"""
