/* Lacks a function that every core has: retro_run. */
#define TINY_WITHOUT_RUN
#include "tiny.h"
