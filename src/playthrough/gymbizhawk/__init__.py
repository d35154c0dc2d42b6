"""GymBizHawk's Python side: environments of processor scripts, with BizHawk or without it.

A program that was written for GymBizHawk 0.3 changes where it imports from, and nothing else:

    from playthrough.gymbizhawk import bizhawk            # before: from gymbizhawk import bizhawk
    from playthrough.gymbizhawk.bizhawk import BizHawkEnv
    from playthrough.gymbizhawk.utils import remove_lua_log
"""

__version__ = "0.3.1"
