/* Asks the frontend to turn the picture counterclockwise by a quarter turn, as often as byte 2 of the ROM says. */
#include "libretro.h"

static bool ask_for_rotation(void);
#define TINY_LOADED ask_for_rotation
#include "tiny.h"

static bool ask_for_rotation(void) {
    unsigned quarter_turns = tiny_rom_byte(2);
    return tiny_environment(RETRO_ENVIRONMENT_SET_ROTATION, &quarter_turns);
}
