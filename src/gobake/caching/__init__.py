"""Caches that outlive a builder: where a run is, what it may read and write, under which names, and BuildKit's words.

environment.py  who runs this: a terminal or a CI, which branch, whose pull request -> Surroundings
policy.py       what a run reads and writes -> Policy, from cache/NAME.yaml or a file of the user's
store.py        the one place for caches: a repository of a registry, or a folder -> Store
refs.py         names of branches and targets -> tags
choosing.py     all of these together -> CacheChoice
layers.py       a CacheChoice -> cache-from and cache-to of every target
"""

from gobake.caching.choosing import CacheChoice, CacheWish, choose
from gobake.caching.environment import Surroundings, look
from gobake.caching.layers import Builders, LayerPlan, layer_caches
from gobake.caching.policy import POLICY_NAMES, Policy, Save, SaveOn
from gobake.caching.store import Store

__all__ = [
    "POLICY_NAMES",
    "Builders",
    "CacheChoice",
    "CacheWish",
    "LayerPlan",
    "Policy",
    "Save",
    "SaveOn",
    "Store",
    "Surroundings",
    "choose",
    "layer_caches",
    "look",
]
