/* The tiny game as it is: 16 bits for each dot. */
#include "tiny.h"
