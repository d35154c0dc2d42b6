; Enemies: six slots. Drips, slugs and thornballs walk, moths fly, hoppers hop.

; From load_column: the object of code A at column tmp7, row tmp2. Uses tmp0, tmp1, X, Y.
spawn:
    cmp #SPAWN_PLATFORM
    bcs spawn_platform
    sec
    sbc #FIRST_SPAWN
    tay
    ldx #0
:   lda obj_active, x
    beq @free
    inx
    cpx #NUM_OBJECTS
    bne :-
    rts
@free:
    inc obj_active, x
    sty obj_type, x
    lda tmp7
    jsr column_to_x
    sta obj_x_lo, x
    lda tmp1
    sta obj_x_hi, x
    jsr row_to_y
    sta obj_y, x
    sta obj_base_y, x
    lda #1
    sta obj_y_hi, x
    lda #2
    sta obj_dir, x
    lda #0
    sta obj_timer, x
    sta obj_vy, x
    sta obj_vy_sub, x
    rts

row_to_y:
    lda tmp2
    asl a
    asl a
    asl a
    asl a
    clc
    adc #32
    rts

spawn_platform:
    and #1
    tay
    ldx #0
:   lda plat_active, x
    beq @free
    inx
    cpx #NUM_PLATFORMS
    bne :-
    rts
@free:
    inc plat_active, x
    tya
    sta plat_kind, x
    lda tmp7
    jsr column_to_x
    sta plat_x_lo, x
    lda tmp1
    sta plat_x_hi, x
    jsr row_to_y
    sta plat_y, x
    lda #0
    sta plat_dir, x
    sta plat_timer, x
    rts

update_objects:
    ldx #NUM_OBJECTS - 1
@each:
    stx slot
    lda obj_active, x
    beq @next
    cmp #2
    beq @squashed
    jsr far_behind
    bcs @gone
    jsr @move
    ldx slot
    lda obj_active, x
    beq @next
    jsr meet_player
@next:
    ldx slot
    dex
    bpl @each
    rts
@squashed:
    dec obj_timer, x
    bne @next
@gone:
    lda #0
    sta obj_active, x
    beq @next
@move:
    inc obj_timer, x
    ldy obj_type, x
    lda move_high, y
    pha
    lda move_low, y
    pha
    rts

.define MOVES move_walker-1, move_slug-1, move_moth-1, move_hopper-1, move_walker-1
move_low:  .lobytes MOVES
move_high: .hibytes MOVES

; Whether object X is so far from the screen (128 pixels) that it is given up. Out: C.
far_behind:
    lda obj_x_lo, x
    sec
    sbc scroll_lo
    sta tmp0
    lda obj_x_hi, x
    sbc scroll_hi
    tay
    lda tmp0
    clc
    adc #128
    tya
    adc #0                              ; (x - scroll + 128) / 256: 0 or 1 is near
    cmp #2
    rts

; One pixel in obj_dir.
step_x:
    lda obj_dir, x
    cmp #2
    beq @left
    inc obj_x_lo, x
    bne @done
    inc obj_x_hi, x
@done:
    rts
@left:
    lda obj_x_lo, x
    bne :+
    dec obj_x_hi, x
:   dec obj_x_lo, x
    rts

; tx = object x + A, ty = object y + Y.
object_point:
    clc
    adc obj_x_lo, x
    sta tx_lo
    lda obj_x_hi, x
    adc #0
    sta tx_hi
    tya
    clc
    adc obj_y, x
    sta ty
    rts

; Turn round at walls. Out: C set if it did.
turn_at_walls:
    lda obj_dir, x
    cmp #2
    beq :+
    lda #14
    bne @look
:   lda #1
@look:
    ldy #9
    jsr object_point
    jsr solid_at
    ldx slot
    bcs turn
    rts
turn:
    lda obj_dir, x
    eor #3
    sta obj_dir, x
    sec
    rts

; Whether object X stands on something. Out: C.
on_floor:
    lda #8
    ldy #16
    jsr object_point
    jsr class_at
    ldx slot
    cmp #CLASS_SHELF
    beq :+                              ; C is set
    jsr is_solid
:   rts

; Stand on the floor's top, or fall. Out: C set if it stands.
fall_or_stand:
    jsr on_floor
    bcc @falls
    lda obj_y, x
    and #$F0
    sta obj_y, x
    sec
    rts
@falls:
    lda obj_y, x
    adc #3                              ; carry is clear
    sta obj_y, x
    cmp #232
    bcc :+
    lda #0
    sta obj_active, x
:   clc
    rts

; Half a pixel per frame.
move_slug:
    jsr fall_or_stand
    bcc slow_step
    ; turn where the floor ends
    lda obj_dir, x
    cmp #2
    beq :+
    lda #13
    bne @look
:   lda #2
@look:
    ldy #16
    jsr object_point
    jsr class_at
    ldx slot
    cmp #CLASS_SHELF
    beq slow_step
    jsr is_solid
    bcs slow_step
    jsr turn
    jmp slow_step

move_walker:
    jsr fall_or_stand
slow_step:
    lda obj_timer, x
    lsr a
    bcc @done
    jsr turn_at_walls
    ldx slot
    jmp step_x
@done:
    rts

move_moth:
    lda obj_timer, x
    lsr a
    bcc :+
    jsr step_x
:   lda obj_timer, x
    lsr a
    lsr a
    and #31
    tay
    lda obj_base_y, x
    clc
    adc swing, y
    sta obj_y, x
    rts

; A slow wave, 24 pixels up and down.
swing:
    .byte 0, 5, 9, 13, 17, 20, 22, 24, 24, 24, 22, 20, 17, 13, 9, 5
    .byte 0, <-5, <-9, <-13, <-17, <-20, <-22, <-24, <-24, <-24, <-22, <-20, <-17, <-13, <-9, <-5

; Waits 40 frames, then hops 3 tiles high to where it looks.
HOP_WAIT = 40
move_hopper:
    lda obj_vy, x
    ora obj_vy_sub, x
    bne @flies
    jsr on_floor
    bcc @drop
    lda obj_timer, x
    cmp #HOP_WAIT
    bcc @done
    lda #<-4
    sta obj_vy, x
    lda #$80
    sta obj_vy_sub, x
    rts
@drop:
    lda #$10
    sta obj_vy_sub, x
@flies:
    lda obj_vy_sub, x
    clc
    adc #$2C
    sta obj_vy_sub, x
    lda obj_vy, x
    adc #0
    bmi :+
    cmp #4
    bcc :+
    lda #4
:   sta obj_vy, x
    clc
    adc obj_y, x
    sta obj_y, x
    cmp #232
    bcs @lost
    jsr turn_at_walls
    ldx slot
    lda obj_timer, x
    lsr a
    bcc :+
    jsr step_x
:   lda obj_vy, x
    bmi @done
    jsr on_floor
    bcc @done
    lda obj_y, x
    and #$F0
    sta obj_y, x
    lda #0
    sta obj_vy, x
    sta obj_vy_sub, x
    sta obj_timer, x
@done:
    rts
@lost:
    lda #0
    sta obj_active, x
    rts

; The player and object X: on top of it, or in its way.
meet_player:
    lda player_state
    cmp #STATE_PLAY
    bne @done
    lda obj_x_lo, x
    sec
    sbc player_x_lo
    sta tmp0
    lda obj_x_hi, x
    sbc player_x_hi
    beq @right
    cmp #$FF
    bne @done
    lda tmp0
    cmp #<-11
    bcc @done
    bcs @near
@right:
    lda tmp0
    cmp #12
    bcs @done
@near:
    ; the player's feet below the object's top, the head above its bottom
    lda player_y
    clc
    adc #24
    sec
    sbc obj_y, x
    cmp #4
    bcc @done
    cmp #36
    bcs @done
    ; on top: falling, and the feet not deep
    ldy obj_type, x
    cpy #4
    beq @hurt
    cmp #15
    bcs @hurt
    lda player_vy
    bmi @done
    ora player_vy_sub
    beq @hurt
    ; squashed
    lda #2
    sta obj_active, x
    lda #SQUASH_FRAMES
    sta obj_timer, x
    lda #$FC
    sta player_vy
    lda #$80
    bit pad_held
    bmi :+
    lda #$FD
    sta player_vy
    lda #$00
:   sta player_vy_sub
    lda #0
    sta coyote
    lda #2
    ldx #3
    jsr add_score
    play_sfx SFX_STOMP
@done:
    rts
@hurt:
    jmp kill_player

draw_objects:
    ldx #NUM_OBJECTS - 1
@each:
    stx slot
    lda obj_active, x
    beq @next
    ldy obj_type, x
    cmp #2
    beq @flat
    lda object_tile, y
    sta tmp4
    cpy #3
    beq @hopper
    lda obj_timer, x
    lsr a
    lsr a
    lsr a
    and #1
    beq @picture
@second:
    lda tmp4
    clc
    adc #4
    sta tmp4
    bne @picture
@hopper:
    lda obj_vy, x
    ora obj_vy_sub, x
    bne @second
    beq @picture
@flat:
    lda object_flat, y
    sta tmp4
@picture:
    lda obj_dir, x
    lsr a
    lda object_palette, y
    bcc :+                              ; drawn looking left
    ora #%01000000
:   sta tmp2
    lda obj_x_lo, x
    sta tx_lo
    lda obj_x_hi, x
    sta tx_hi
    lda obj_y, x
    sec
    sbc #1
    sta ty
    lda tmp4
    jsr draw_16
@next:
    ldx slot
    dex
    bpl @each
    rts

object_tile:    .byte S_DRIP_A, S_SLUG_A, S_MOTH_A, S_HOP_SIT, S_BALL_A
object_flat:    .byte S_DRIP_FLAT, S_SLUG_FLAT, S_MOTH_FLAT, S_HOP_FLAT, S_BALL_A
object_palette: .byte 1, 2, 2, 3, 1
