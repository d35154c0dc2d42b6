/* Offers options, asks for them and for folders, and keeps the answers in RAM, where a test can see them.
 *
 *   0x100, 0x120, 0x140  the answers for tiny_difficulty, tiny_colour and tiny_unlisted: 1 if the frontend said
 *                        true, then the text it gave. "untouched": it left the value alone; "null": it gave none
 *   0x160  what SET_VARIABLES returned;   0x161  what GET_VARIABLE_UPDATE returned;   0x162  what it answered
 *   0x163  what GET_CAN_DUPE answered (2: nothing);   0x164  the highest options version that the frontend knows
 *   0x180  system folder, 0x200  folder for saves: as the options, up to 126 characters
 *
 * Options are read when the game is loaded, and again on a frame on which the frontend says that they changed.
 */
#include "libretro.h"

static bool offer_options(void);
static void keep_answers(void);
#define TINY_LOADED offer_options
#define TINY_EACH_FRAME keep_answers
#include "tiny.h"

static uint8_t answers[0x180]; /* outside the machine, so that loading a savestate does not bring back older answers */

static void keep(unsigned address, unsigned room_bytes, bool answered, const char *text) {
    uint8_t *answer = answers + address - TINY_VARIANT;
    memset(answer, 0, room_bytes);
    answer[0] = answered;
    strncpy((char *)answer + 1, text ? text : "null", room_bytes - 2);
}

static void read_options(void) {
    static const char *const keys[] = {"tiny_difficulty", "tiny_colour", "tiny_unlisted"};
    for (unsigned i = 0; i < 3; i++) {
        struct retro_variable variable = {keys[i], "untouched"};
        bool answered = tiny_environment(RETRO_ENVIRONMENT_GET_VARIABLE, &variable);
        keep(0x100 + 0x20 * i, 0x20, answered, variable.value);
    }
}

static bool offer_options(void) {
    struct retro_variable offered[] = {
        {"tiny_difficulty", "Difficulty; easy|normal|hard"}, {"tiny_colour", "Colour; green|amber"}, {NULL, NULL}};
    const char *folder = "untouched";
    bool can_dupe, answered;
    unsigned version = 0;

    answers[0x60] = tiny_environment(RETRO_ENVIRONMENT_SET_VARIABLES, offered);
    answered = tiny_environment(RETRO_ENVIRONMENT_GET_CAN_DUPE, &can_dupe);
    answers[0x63] = answered ? can_dupe : 2;
    if (tiny_environment(RETRO_ENVIRONMENT_GET_CORE_OPTIONS_VERSION, &version)) answers[0x64] = (uint8_t)version;
    answered = tiny_environment(RETRO_ENVIRONMENT_GET_SYSTEM_DIRECTORY, &folder);
    keep(0x180, 0x80, answered, folder);
    folder = "untouched";
    answered = tiny_environment(RETRO_ENVIRONMENT_GET_SAVE_DIRECTORY, &folder);
    keep(0x200, 0x80, answered, folder);
    read_options();
    return true;
}

static void keep_answers(void) {
    bool changed = false;
    answers[0x61] = tiny_environment(RETRO_ENVIRONMENT_GET_VARIABLE_UPDATE, &changed);
    answers[0x62] = changed;
    if (changed) read_options();
    memcpy(tiny.ram + TINY_VARIANT, answers, sizeof answers);
}
