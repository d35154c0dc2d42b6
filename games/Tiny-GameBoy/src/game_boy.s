COLOR           = 0
HEADER_CHECKSUM = 0x0F

        .include "tiny.s"

        .org 0x7FFF
        .db 0
