"""What the Linux kernel says about a process and its pages: a library of its own, without any user interface.

from pagemap import PagemapCache

with PagemapCache.open(pid) as cache:
    for vma in cache.space:
        print(vma.path, hex(cache.lookup(vma.start)))
    print(cache.counters.hits, cache.counters.misses)
"""

from pagemap.cache import PagemapCache
from pagemap.counters import Counters
from pagemap.entry import Entry, decode
from pagemap.errors import PagelensError
from pagemap.live import LiveProcess
from pagemap.policies import POLICIES, Plan, Policy, make_policy
from pagemap.state import PageState, Visibility, classify
from pagemap.vma import PAGE_SIZE, AddressSpace, Row, Vma
from pagemap.window import Served, Window

__all__ = [
    "PAGE_SIZE",
    "POLICIES",
    "AddressSpace",
    "Counters",
    "Entry",
    "LiveProcess",
    "PageState",
    "PagelensError",
    "PagemapCache",
    "Plan",
    "Policy",
    "Row",
    "Served",
    "Visibility",
    "Vma",
    "Window",
    "classify",
    "decode",
    "make_policy",
]
