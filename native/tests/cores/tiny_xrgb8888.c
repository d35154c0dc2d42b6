/* The tiny game with 32 bits for each dot. The colours are those of the others. */
#define TINY_PIXEL_FORMAT RETRO_PIXEL_FORMAT_XRGB8888
#include "tiny.h"
