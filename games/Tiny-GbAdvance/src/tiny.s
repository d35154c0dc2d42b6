@ Tiny for the Game Boy Advance. What it does, and how its RAM and picture are laid out, stands in games/README.md.

    .equ DISPCNT,  0x00             @ registers, from 0x04000000
    .equ VCOUNT,   0x06
    .equ BG0CNT,   0x08
    .equ BG0HOFS,  0x10
    .equ KEYINPUT, 0x130

    .equ counter, 0                 @ offsets from 0x03000010
    .equ score,   2                 @ packed BCD
    .equ digits,  4                 @ ASCII, the highest first
    .equ pad1,    8
    .equ x_pos,   12
    .equ lives,   14
    .equ before,  16                @ the pad in the frame before

    .equ A_BUTTON, 1 << 0           @ the pad: ......LR DULR, START, SELECT, B, A
    .equ B_BUTTON, 1 << 1
    .equ RIGHT,    1 << 4
    .equ LEFT,     1 << 5

    .equ STATE_BYTES, 15
    .equ CELL, 2 * (4 + 32 * 2)     @ of the picture's first tile in the map
    .equ HEADER_CHECKSUM, 0x69

    .arm
    .text
    b reset
    .space 156                      @ the logo, which only the console's own ROM looks for, is left out
    .ascii "TINY"
    .space 8
    .ascii "TINY00"
    .byte 0x96
    .space 10
    .byte HEADER_CHECKSUM
    .space 2

reset:
    ldr r4, =0x03000010             @ r4: the state
    mov r1, #0
    str r1, [r4]
    str r1, [r4, #8]
    str r1, [r4, #12]
    str r1, [r4, #16]
    ldr r1, =0x30303030
    str r1, [r4, #digits]
    mov r1, #3
    strb r1, [r4, #lives]
    ldr r5, =0x0203FFFE             @ r5: the counter's copy
    mov r1, #0
    strh r1, [r5]

    mov r0, #0x04000000             @ r0: the registers
    mov r1, #0x80
    strh r1, [r0, #DISPCNT]         @ picture off
    mov r1, #0x0800                 @ tiles at 0x06000000, map at 0x06004000
    strh r1, [r0, #BG0CNT]
    mov r1, #0
    str r1, [r0, #BG0HOFS]
    mov r2, #0x05000000
    ldr r1, =0x31802800             @ -BBBBBGG GGGRRRRR: a 0, around
    str r1, [r2]
    ldr r1, =0x0000019D             @ a 1
    str r1, [r2, #4]

    mov r6, #0x06000000
    mov r1, #0
    mov r2, #0x4800
clear_video:
    subs r2, r2, #4
    str r1, [r6, r2]
    bne clear_video
    add r2, r6, #16 * 32            @ tiles 16 to 31 show the numbers 0 to 15: four bits, two pixels each
make_tile:
    mov r3, #0
    mov r7, #1
make_row:                           @ the lowest bit stands rightmost, in the highest digits
    tst r1, r7
    mov r3, r3, lsl #8
    orreq r3, r3, #0x11
    orrne r3, r3, #0x22
    mov r7, r7, lsl #1
    cmp r7, #16
    bne make_row
    mov r7, #7
write_row:
    str r3, [r2], #4
    subs r7, r7, #1
    bne write_row
    add r2, r2, #4
    add r1, r1, #1
    cmp r1, #16
    bne make_tile
    add r6, r6, #0x4000
    add r6, r6, #CELL               @ r6: the picture's first tile
    add r9, r0, #KEYINPUT & 0xF00
    mov r1, #0x0100
    strh r1, [r0, #DISPCNT]         @ picture on

frame:
    ldrh r1, [r0, #VCOUNT]
    cmp r1, #160
    beq frame
wait_for_end:
    ldrh r1, [r0, #VCOUNT]
    cmp r1, #160
    bne wait_for_end

    ldrh r1, [r4, #counter]
    add r1, r1, #1
    strh r1, [r4, #counter]
    strh r1, [r5]

    ldrh r1, [r9, #KEYINPUT & 0xFF]
    mvn r1, r1
    mov r1, r1, lsl #22
    mov r1, r1, lsr #22
    strh r1, [r4, #pad1]
    ldrh r2, [r4, #before]
    strh r1, [r4, #before]
    bic r2, r1, r2                  @ pressed just now
    ldrsb r3, [r4, #lives]
    cmp r3, #0
    blt over
    tst r2, #A_BUTTON
    bne add_score
scored:
    tst r2, #B_BUTTON
    subne r3, r3, #1
    strb r3, [r4, #lives]
    ldrh r3, [r4, #x_pos]
    tst r1, #RIGHT
    addne r3, r3, #1
    tst r1, #LEFT
    subne r3, r3, #1
    strh r3, [r4, #x_pos]
over:

    mov r1, #0
    mov r2, r6
show:
    ldrb r3, [r4, r1]
    mov r7, r3, lsr #4
    orr r7, r7, #16
    strh r7, [r2]
    and r3, r3, #15
    orr r3, r3, #16
    strh r3, [r2, #2]
    add r2, r2, #64
    add r1, r1, #1
    cmp r1, #STATE_BYTES
    bne show
    b frame

add_score:                          @ by 125; keeps r1 to r3
    mov r7, #3                      @ the digit
    mov r8, #0                      @ carry
    mov r10, #0                     @ the packed score
    mov r11, #0                     @ how far to shift into it
    ldr r12, =0x05020100            @ what to add, the lowest digit first when read from the top
add:
    add r8, r8, r12, lsr #24
    mov r12, r12, lsl #8
    add r7, r7, #digits
    ldrb lr, [r4, r7]
    and lr, lr, #15
    add lr, lr, r8
    mov r8, #0
    cmp lr, #10
    subge lr, lr, #10
    movge r8, #1
    orr r10, r10, lr, lsl r11
    add r11, r11, #4
    orr lr, lr, #0x30
    strb lr, [r4, r7]
    subs r7, r7, #digits + 1
    bpl add
    strh r10, [r4, #score]
    b scored

    .ltorg
