/* Refuses every game. */
#define TINY_LOADED() false
#include "tiny.h"
