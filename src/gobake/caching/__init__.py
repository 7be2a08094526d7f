"""Caches that outlive a builder: where a run is, what it may read and write, under which names, and what lies where.

environment.py  who runs this: a terminal or a CI, which branch, whose pull request -> Surroundings
policy.py       what a run reads and writes -> Policy, from cache/NAME.yaml or a file of the user's
store.py        the one place for caches: a repository of a registry, or a folder -> Store
refs.py         names of branches and targets -> tags
choosing.py     all of these together -> CacheChoice
layers.py       a CacheChoice -> cache-from and cache-to of every target
mounts.py       the cache mounts of a project by name
units.py        what mounts and seeds hold, and what a new seed gets
seed.py         seeds by their labels; seedstore.py where they lie
warming.py      before a build: mounts that are cold are filled (restoring.py)
saving.py       after it: what is new becomes a seed
"""
