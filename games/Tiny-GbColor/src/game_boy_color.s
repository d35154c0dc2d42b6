COLOR           = 0x80
HEADER_CHECKSUM = 0x8F

        .include "../../Tiny-GameBoy/src/tiny.s"

palette:                        ; -BBBBBGG GGGRRRRR, low byte first: around, a 0, a 1, unused
        .dw 0x2800, 0x3180, 0x019D, 0x7FFF

        .org 0x7FFF
        .db 0
