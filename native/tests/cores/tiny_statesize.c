/* Its savestates grow by 16 bytes every 60 frames, up to 240 frames.
 *
 * A savestate begins with its own length, and only exactly that many bytes are accepted.
 */
#define TINY_OWN_SAVESTATE
#include "tiny.h"

size_t retro_serialize_size(void) {
    unsigned seconds = tiny_get16(TINY_FRAME) / 60;
    return sizeof(uint32_t) + sizeof tiny + 16 * (seconds < 4 ? seconds : 4);
}

bool retro_serialize(void *data, size_t size_bytes) {
    uint32_t needed_bytes = (uint32_t)retro_serialize_size();
    if (size_bytes < needed_bytes) return false;
    memset(data, 0xA5, needed_bytes);
    memcpy(data, &needed_bytes, sizeof needed_bytes);
    memcpy((uint8_t *)data + sizeof needed_bytes, &tiny, sizeof tiny);
    return true;
}

bool retro_unserialize(const void *data, size_t size_bytes) {
    uint32_t saved_bytes;
    if (size_bytes < sizeof saved_bytes + sizeof tiny) return false;
    memcpy(&saved_bytes, data, sizeof saved_bytes);
    if (size_bytes != saved_bytes) return false;
    memcpy(&tiny, (const uint8_t *)data + sizeof saved_bytes, sizeof tiny);
    return true;
}
