/* Opens the ROM by its path, and ignores any bytes that the frontend has read. */
#define TINY_NEEDS_FULLPATH true
#include "tiny.h"
