/* The tiny game with 15 bits for each dot, in the format of a core that names none. The colours are as ever. */
#define TINY_PIXEL_FORMAT RETRO_PIXEL_FORMAT_0RGB1555
#include "tiny.h"
