; The duel: two candles, one screen, two health bars. B throws a spark (2), a jump on the head hurts more (3).

FULL_HEALTH  = 16
SPARK_FRAMES = 70
SPARK_PAUSE  = 24
KNOCK_FRAMES = 14
SAFE_FRAMES  = 45
DUEL_LEVEL   = NUM_LEVELS

start_duel:
    ; menu choice 1 is against the console
    ldx #1
    cmp #1
    beq :+
    dex
:   stx duel_cpu
    jsr screen_off
    jsr clear_objects
    lda #DUEL_LEVEL
    sta level_number
    jsr load_level
    print duel_names
    ldx duel_cpu
    beq :+
    print duel_console
:   print status_line
    ldx #p2_hop_wait - p2_block
    lda #0
:   sta p2_block, x
    dex
    bpl :-
    ldx #spark_dir + 1 - spark_active
:   sta spark_active, x
    dex
    bpl :-
    ldx #1
:   sta duel_knock, x
    sta duel_safe, x
    sta duel_cool, x
    dex
    bpl :-
    sta duel_winner
    sta cpu_held
    sta cpu_pressed
    sta frame_counter
    sta duel_who
    sta world
    sta stage
    lda #FULL_HEALTH
    sta health
    sta health + 1
    lda #1
    sta p2_y_hi
    sta cpu_wait
    sta status_dirty
    lda #2
    sta p2_facing
    lda #40
    sta player_x_lo
    lda #200
    sta p2_x_lo
    lda player_y
    sta p2_y
    lda #$FF
    sta p2_riding
    lda #$00
    sta timer
    lda #$99
    sta timer + 1
    lda #FRAMES_PER_TIME_UNIT
    sta timer_frames
    lda #$5A
    sta lfsr
    lda #$C3
    sta lfsr + 1
    lda #STATE_PLAY
    sta player_state
    sta p2_state
    lda #MODE_DUEL
    sta mode
    lda #3
    jsr start_music
    lda #1
    sta split_on
    jsr update_duel_status
    jmp screen_on

    bar_letters
duel_names:   .byte $20, $42, "PLAYER 1     TIME   PLAYER 2", $FF
duel_console: .byte $20, $56, " CONSOLE", $FF
    screen_letters

duel_frame:
    lda pad_pressed
    and #BUTTON_START
    beq :+
    lda paused
    eor #1
    sta paused
    play_sfx SFX_SELECT
:   lda paused
    bne @draw
    jsr count_time
    bcs @time_up
    lda duel_cpu
    beq :+
    jsr console_plays
:   jsr fighter_turn
    jsr exchange
    jsr fighter_turn
    jsr exchange
    jsr move_sparks
    jsr publish_place
    jsr count_out
    jmp @draw
@time_up:
    jsr compare_health
@draw:
    jsr blink_embers
    jsr update_duel_status
draw_duel:
    jsr place_split
    ldx #0
    jsr draw_fighter
    jsr exchange
    ldx #1
    jsr draw_fighter
    jsr exchange
    jmp draw_sparks

; The two candles change places in the player's variables; so do the pads.
.macro swap one, other
    lda one
    ldx other
    sta other
    stx one
.endmacro
exchange:
    swap player_air, p2_air
    swap player_facing, p2_facing
    swap player_vx, p2_vx
    swap player_vx_sub, p2_vx_sub
    swap player_x_hi, p2_x_hi
    swap player_x_lo, p2_x_lo
    swap player_x_sub, p2_x_sub
    swap player_vy, p2_vy
    swap player_vy_sub, p2_vy_sub
    swap player_y_hi, p2_y_hi
    swap player_y, p2_y
    swap player_y_sub, p2_y_sub
    swap coyote, p2_coyote
    swap jump_buffer, p2_jump_buffer
    swap anim_counter, p2_anim_counter
    swap riding, p2_riding
    swap hop_wait, p2_hop_wait
    swap player_state, p2_state
    swap pad_held, pad2_held
    swap pad_pressed, pad2_pressed
    lda duel_who
    eor #1
    sta duel_who
    rts

; One frame of the candle whose variables are in place.
fighter_turn:
    ldx duel_who
    lda duel_cool, x
    beq :+
    dec duel_cool, x
:   lda duel_safe, x
    beq :+
    dec duel_safe, x
:   lda duel_knock, x
    beq @free
    dec duel_knock, x
    jsr move_x
    jsr fall
    jmp move_y
@free:
    jsr throw
    jsr steer
    jsr move_x
    jsr jump_or_fall
    jsr move_y
    jsr animate
    jmp jump_on_head

throw:
    ldx duel_who
    lda pad_pressed
    and #BUTTON_B
    beq @done
    lda duel_cool, x
    bne @done
    lda spark_active, x
    bne @done
    lda #SPARK_FRAMES
    sta spark_active, x
    lda #SPARK_PAUSE
    sta duel_cool, x
    lda player_x_lo
    clc
    adc #4
    sta spark_x, x
    lda player_y
    clc
    adc #10
    sta spark_y, x
    lda player_facing
    sta spark_dir, x
    play_sfx SFX_SPARK
@done:
    rts

; The candle in place falls onto the other's head.
jump_on_head:
    lda player_vy
    bmi @done
    ora player_vy_sub
    beq @done
    lda player_x_lo
    sec
    sbc p2_x_lo
    clc
    adc #12
    cmp #25
    bcs @done
    lda player_y
    clc
    adc #24
    sec
    sbc p2_y
    cmp #12
    bcs @done
    lda #$FC
    sta player_vy
    lda #0
    sta player_vy_sub
    lda duel_who
    eor #1
    tax
    lda duel_safe, x
    bne @done
    lda #3
    sta tmp4
    jsr exchange
    lda player_facing                   ; it is pushed down where it stands, not to a side
    jsr hurt_here
    lda #0
    sta player_vx
    sta player_vx_sub
    jsr exchange
@done:
    rts

; The candle in place loses tmp4 and flies off in direction A.
hurt_here:
    ldx #2
    ldy #$40
    cmp #1
    beq :+
    ldx #<-3
    ldy #$C0
:   stx player_vx
    sty player_vx_sub
    lda #$FE
    sta player_vy
    lda #0
    sta player_vy_sub
    ldx duel_who
    lda health, x
    sec
    sbc tmp4
    bcs :+
    lda #0
:   sta health, x
    lda #KNOCK_FRAMES
    sta duel_knock, x
    lda #SAFE_FRAMES
    sta duel_safe, x
    lda #1
    sta status_dirty
    play_sfx SFX_HIT
    rts

move_sparks:
    ldx #1
@each:
    stx slot
    lda spark_active, x
    beq @next
    dec spark_active, x
    lda spark_dir, x
    cmp #1
    beq @right
    lda spark_x, x
    sec
    sbc #3
    bcs @moved
    bcc @out
@right:
    lda spark_x, x
    clc
    adc #3
    bcs @out
@moved:
    sta spark_x, x
    ; walls
    clc
    adc #4
    sta tx_lo
    lda #0
    adc #0
    sta tx_hi
    lda spark_y, x
    clc
    adc #4
    sta ty
    jsr solid_at
    ldx slot
    bcs @out
    ; the other candle: the first one's spark meets the second and the other way round
    cpx #0
    bne @meets_first
    jsr exchange
    jsr spark_meets
    jsr exchange
    jmp @next
@meets_first:
    jsr spark_meets
@next:
    ldx slot
    dex
    bpl @each
    rts
@out:
    lda #0
    sta spark_active, x
    beq @next

; Spark `slot` and the candle in place.
spark_meets:
    ldx slot
    lda spark_x, x
    sec
    sbc player_x_lo
    clc
    adc #4
    cmp #17
    bcs @done
    lda spark_y, x
    clc
    adc #4
    sec
    sbc player_y
    cmp #4
    bcc @done
    cmp #24
    bcs @done
    ldy duel_who
    lda duel_safe, y
    bne @done
    lda #0
    sta spark_active, x
    lda #2
    sta tmp4
    lda spark_dir, x
    jmp hurt_here
@done:
    rts

; Who is out?
count_out:
    lda health
    beq @first_out
    lda health + 1
    beq @first_wins
    rts
@first_out:
    lda health + 1
    beq @draw
    ldx #2
    bne end_duel
@draw:
    ldx #3
    bne end_duel
@first_wins:
    ldx #1
end_duel:
    stx duel_winner
    lda #150
    sta mode_timer
    lda #MODE_DUEL_OVER
    sta mode
    lda #0
    sta duel_safe
    sta duel_safe + 1
    lda #STATE_DYING                    ; the loser looks like it
    cpx #1
    bne :+
    sta p2_state
:   cpx #2
    bne :+
    sta player_state
:   lda #0
    jsr start_music
    play_sfx SFX_GOAL
    rts

compare_health:
    ldx #3
    lda health
    cmp health + 1
    beq end_duel
    ldx #1
    bcs end_duel
    ldx #2
    bne end_duel

duel_over_frame:
    lda mode_timer
    cmp #150
    bne :+
    jsr write_winner
:   dec mode_timer
    bne :+
    jmp start_title
:   jsr fall_when_over
    jsr update_duel_status
    jmp draw_duel

; Both come down to the ground.
fall_when_over:
    lda #0
    sta pad_held
    sta pad_pressed
    jsr steer
    jsr move_x
    jsr fall
    jsr move_y
    jsr exchange
    lda #0
    sta pad_held
    sta pad_pressed
    jsr steer
    jsr move_x
    jsr fall
    jsr move_y
    jmp exchange

winner_1: .byte "PLAYER 1 WINS"
winner_2: .byte "PLAYER 2 WINS"
winner_3: .byte "  DRAW GAME  "
winner_4: .byte "CONSOLE WINS "
winners:  .byte winner_1 - winner_1, winner_2 - winner_1, winner_3 - winner_1, winner_4 - winner_1

write_winner:
    ldx duel_winner
    cpx #2
    bne :+
    lda duel_cpu
    beq :+
    ldx #4
:   ldy winners - 1, x
    ldx vram_next
    lda #13
    sta tmp0
    sta vram_buf, x
    lda #$21
    sta vram_buf + 1, x
    lda #$4A
    sta vram_buf + 2, x
:   lda winner_1, y
    sta vram_buf + 3, x
    inx
    iny
    dec tmp0
    bne :-
    lda #0
    sta vram_buf + 3, x
    inx
    inx
    inx
    stx vram_next
    rts

; The bars and the time, when they have changed.
update_duel_status:
    lda status_dirty
    beq @done
    lda #0
    sta status_dirty
    ldx vram_next
    lda #28
    sta vram_buf, x
    lda #$20
    sta vram_buf + 1, x
    lda #$62
    sta vram_buf + 2, x
    ldy health
    jsr health_bar
    ldy #5
    lda #BAR_EMPTY
:   sta vram_buf + 3, x
    inx
    dey
    bne :-
    lda timer + 1
    lsr a
    lsr a
    lsr a
    lsr a
    ora #BAR_0
    sta vram_buf + 3, x
    lda timer + 1
    and #$0F
    ora #BAR_0
    sta vram_buf + 4, x
    inx
    inx
    ldy #5
    lda #BAR_EMPTY
:   sta vram_buf + 3, x
    inx
    dey
    bne :-
    ldy health + 1
    jsr health_bar
    lda #0
    sta vram_buf + 3, x
    inx
    inx
    inx
    stx vram_next
@done:
    rts

; Eight tiles for health Y into vram_buf + 3.
health_bar:
    lda #8
    sta tmp0
@tile:
    lda #BAR_FULL                       ; full
    cpy #2
    bcs @draw
    lda #BAR_HALF                       ; half
    cpy #1
    bcs @draw
    lda #BAR_NONE                       ; empty
@draw:
    sta vram_buf + 3, x
    inx
    dey
    bmi :+
    dey
    bpl :++
:   ldy #0
:   dec tmp0
    bne @tile
    rts

; In: X = which candle. It blinks while it is safe, the second one is blue.
draw_fighter:
    lda duel_safe, x
    and #4
    bne @done
    txa
    pha
    lda player_x_hi
    sta tx_hi
    lda player_x_lo
    sta tx_lo
    jsr to_screen
    pla
    ldx player_facing
    cpx #2
    bne :+
    ora #%01000000
:   sta tmp2
    lda player_y
    sec
    sbc #1
    sta ty
    jmp draw_candle_here
@done:
    rts

draw_sparks:
    ldy #1
@each:
    lda spark_active, y
    beq @next
    ldx oam_next
    lda spark_y, y
    sta oam, x
    lda frame_counter
    and #4
    lsr a
    lsr a
    clc
    adc #S_SPARK_A
    sta oam + 1, x
    tya
    sta oam + 2, x
    lda spark_x, y
    sta oam + 3, x
    inx
    inx
    inx
    inx
    stx oam_next
@next:
    dey
    bpl @each
    rts

; The console as player 2: comes near, keeps a distance, throws when the height is right, jumps over sparks.
console_plays:
    lda #0
    sta cpu_pressed
    dec cpu_wait
    bne @react
    jsr random
    and #15
    clc
    adc #10
    sta cpu_wait
    ; towards the player when far, away when near, either way in between
    lda p2_x_lo
    sec
    sbc player_x_lo
    bcs @player_left
    eor #$FF
    adc #1
    ldx #BUTTON_RIGHT
    ldy #BUTTON_LEFT
    bne @distance
@player_left:
    ldx #BUTTON_LEFT
    ldy #BUTTON_RIGHT
@distance:
    sta tmp0
    cmp #96
    bcs @come
    cmp #40
    bcc @go
    jsr random
    and #3
    beq @go
@come:
    txa
    bne @walk
@go:
    tya
@walk:
    sta cpu_held
    jsr random
    cmp #40
    bcs @react
    lda cpu_held
    ora #BUTTON_A
    sta cpu_held
    lda #BUTTON_A
    sta cpu_pressed
@react:
    ; a spark comes near: jump, three times of four
    lda spark_active
    beq @throw
    lda spark_x
    sec
    sbc p2_x_lo
    clc
    adc #32
    cmp #64
    bcs @throw
    lda p2_air
    bne @throw
    jsr random
    and #7
    bne @throw
    lda cpu_held
    ora #BUTTON_A
    sta cpu_held
    lda #BUTTON_A
    sta cpu_pressed
@throw:
    jsr random
    cmp #10
    bcs @done
    lda player_y
    sec
    sbc p2_y
    clc
    adc #12
    cmp #24
    bcs @done
    ; look at the player first
    ldx #1
    lda p2_x_lo
    cmp player_x_lo
    bcc :+
    inx
:   stx p2_facing
    lda cpu_pressed
    ora #BUTTON_B
    sta cpu_pressed
@done:
    lda cpu_held
    ora cpu_pressed
    sta pad2_held
    lda cpu_pressed
    sta pad2_pressed
    rts
