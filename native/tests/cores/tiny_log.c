/* Writes to the frontend's log: at all four levels when a game is loaded, and once a second (60 frames) while it runs.
 *
 *   0x100  1 if the frontend offers a log
 */
#include "libretro.h"

static bool log_at_all_levels(void);
static void log_each_second(void);
#define TINY_LOADED log_at_all_levels
#define TINY_EACH_FRAME log_each_second
#include "tiny.h"

static struct retro_log_callback frontend;

static bool log_at_all_levels(void) {
    if (!tiny_environment(RETRO_ENVIRONMENT_GET_LOG_INTERFACE, &frontend)) frontend.log = NULL;
    if (!frontend.log) return true;
    frontend.log(RETRO_LOG_DEBUG, "debug: %d of %u\n", -1, 2u);
    frontend.log(RETRO_LOG_INFO, "info: %s, %5.2f, %c\n", "text", 3.14159, 'x');
    frontend.log(RETRO_LOG_WARN, "warn: 100%%, 0x%08X, %zu bytes\n", 0xBEEFu, sizeof tiny);
    frontend.log(RETRO_LOG_ERROR, "error: %.*s|%-6ld|%llu\n", 3, "cut off", 42L, 1ULL << 40);
    return true;
}

static void log_each_second(void) {
    unsigned frame = tiny_get16(TINY_FRAME);
    tiny.ram[TINY_VARIANT] = frontend.log != NULL;
    if (frontend.log && frame % TINY_FRAMES_PER_SECOND == 0) frontend.log(RETRO_LOG_DEBUG, "frame %u\n", frame);
}
