/* Speaks a version of the libretro API that does not exist. */
#define TINY_API_VERSION 2
#include "tiny.h"
