"""BizHawk's Lua functions over a libretro core."""
