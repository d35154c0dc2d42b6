; Levels: starting one, the frame of play, dying, reaching the beacon.

clear_objects:
    lda #0
    ldx #NUM_OBJECTS - 1
:   sta obj_active, x
    dex
    bpl :-
    ldx #NUM_PLATFORMS - 1
:   sta plat_active, x
    dex
    bpl :-
    lda #$FF
    sta riding
    ldx #31
    lda #0
:   sta taken_columns, x
    sta spawned_columns, x
    dex
    bpl :-
    rts

; While the screen is off: level_number's data, and everything on the screen from the start or the torch.
load_level:
    jsr clear_picture
    ldx level_number
    lda level_list_low, x
    sta level_ptr
    lda level_list_high, x
    sta level_ptr + 1
    lda level_width, x
    sta level_columns
    lda level_back, x
    sta level_two_way
    lda level_look, x
    sta level_theme
    tay
    lda backdrops_low, y
    sta backdrop_ptr
    lda backdrops_high, y
    sta backdrop_ptr + 1
    lda palettes_low, y
    sta ptr0
    lda palettes_high, y
    sta ptr0 + 1
    jsr set_palette
    ; x of the beacon
    ldx level_number
    lda level_goal, x
    jsr column_to_x
    sta goal_x_word + 1
    lda tmp1
    sta goal_x_word
    ; the last place of the screen's left edge
    lda level_columns
    sec
    sbc #16
    jsr column_to_x
    sta max_scroll_lo
    lda tmp1
    sta max_scroll_hi
    ; the player, 112 pixels from the left edge of the screen where the level allows it
    ldx level_number
    lda checkpoint_col
    bne :+
    lda level_start, x
:   jsr column_to_x
    sta player_x_lo
    lda tmp1
    sta player_x_hi
    lda level_start_y, x
    sta player_y
    lda #0
    sta scroll_lo
    sta scroll_hi
    jsr move_camera_freely
    ; the columns around the screen
    lda scroll_lo
    sta tmp0
    lda scroll_hi
    .repeat 4
        asl tmp0
        rol a
    .endrepeat
    ldx level_two_way
    beq @from_edge
    sec
    sbc #5
    bcs @from_edge
    lda #0
@from_edge:
    sta col_left
    sta col_right
@columns:
    lda col_right
    jsr load_column
    jsr flush_column
    lda col_right
    sec
    sbc col_left
    cmp #25
    bcs @enough
    lda col_right
    clc
    adc #1
    cmp level_columns
    bcs @enough
    sta col_right
    bcc @columns
@enough:
    lda #0
    sta player_x_sub
    sta player_y_sub
    sta player_vx
    sta player_vx_sub
    sta player_vy
    sta player_vy_sub
    sta player_air
    sta coyote
    sta jump_buffer
    sta hop_wait
    sta anim_counter
    sta paused
    lda #1
    sta player_facing
    sta player_y_hi
    jsr publish_place
    lda player_x_hi
    sta best_x_word
    lda player_x_lo
    sta best_x_word + 1
    rts

; Column A -> x: tmp1 high, A low. Keeps X.
column_to_x:
    sta tmp0
    lsr a
    lsr a
    lsr a
    lsr a
    sta tmp1
    lda tmp0
    asl a
    asl a
    asl a
    asl a
    rts

start_level:
    jsr screen_off
    jsr clear_objects
    jsr load_level
    jsr draw_status_bar
    lda #0
    sta frame_counter
    sta goal_phase
    lda #$03
    sta timer
    lda #$00
    sta timer + 1
    lda #FRAMES_PER_TIME_UNIT
    sta timer_frames
    ; the same random numbers in every try
    lda #$5A
    sta lfsr
    lda #$C3
    sta lfsr + 1
    lda #STATE_PLAY
    sta player_state
    lda #MODE_PLAY
    sta mode
    ldx level_number
    lda level_tune, x
    jsr start_music
    jsr update_status
    lda #1
    sta split_on
    jmp screen_on

play_frame:
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
    bcs @too_late
    jsr update_platforms
    jsr update_player
    jsr update_objects
    jsr move_camera
    jsr stream_columns
    jsr publish_place
    jmp @draw
@too_late:
    jsr kill_player
@draw:
    jsr blink_embers
    jsr update_status
    jsr place_split
    jsr draw_player
    jsr draw_objects
    jmp draw_platforms

; The embers glow: one colour of the palette changes every eight frames.
blink_embers:
    lda frame_counter
    and #7
    bne @done
    lda frame_counter
    lsr a
    lsr a
    lsr a
    and #3
    tay
    ldx vram_next
    lda #1
    sta vram_buf, x
    lda #$3F
    sta vram_buf + 1, x
    lda #$0B
    sta vram_buf + 2, x
    lda ember_colours, y
    sta vram_buf + 3, x
    lda #0
    sta vram_buf + 4, x
    txa
    clc
    adc #4
    sta vram_next
@done:
    rts

ember_colours: .byte $38, $28, $38, $30

; The player's place where others look for it.
publish_place:
    lda player_x_lo
    sta player_x_word + 1
    sec
    sbc scroll_lo
    sta player_screen_x
    lda player_x_hi
    sta player_x_word
    lda player_y
    sta player_screen_y
    lda scroll_lo
    clc
    adc #255
    sta scroll_right_lo
    lda scroll_hi
    adc #0
    sta scroll_right_hi
    lda best_x_word + 1
    cmp player_x_word + 1
    lda best_x_word
    sbc player_x_word
    bcs @done
    lda player_x_word
    sta best_x_word
    lda player_x_word + 1
    sta best_x_word + 1
@done:
    rts

; The screen follows the player: its left edge is 112 pixels before the player, within the level, and it goes back only
; where the level allows it.
move_camera:
    lda level_two_way
    bne move_camera_freely
    lda player_x_lo
    sec
    sbc #112
    sta tmp0
    lda player_x_hi
    sbc #0
    bcc @done
    sta tmp1
    lda scroll_lo
    cmp tmp0
    lda scroll_hi
    sbc tmp1
    bcs @done
    jmp limit_camera
@done:
    rts

move_camera_freely:
    lda player_x_lo
    sec
    sbc #112
    sta tmp0
    lda player_x_hi
    sbc #0
    bcs :+
    lda #0
    sta tmp0
:   sta tmp1
limit_camera:
    lda max_scroll_lo
    cmp tmp0
    lda max_scroll_hi
    sbc tmp1
    bcs :+
    lda max_scroll_lo
    sta tmp0
    lda max_scroll_hi
    sta tmp1
:   lda tmp0
    sta scroll_lo
    lda tmp1
    sta scroll_hi
    rts

; --- dying -----------------------------------------------------------------------------------------------------------

kill_player:
    lda player_state
    cmp #STATE_PLAY
    bne @done
    lda #STATE_DYING
    sta player_state
    lda #MODE_DYING
    sta mode
    inc deaths
    dec lives
    lda #1
    sta status_dirty
    lda #0
    jsr start_music
    play_sfx SFX_DIE
    lda #90
    sta mode_timer
    lda #$FC
    sta player_vy
    lda #0
    sta player_vy_sub
    sta player_vx
    sta player_vx_sub
@done:
    rts

dying_frame:
    lda mode_timer
    cmp #75
    bcs @still
    ; the candle flies up and falls out of the picture
    lda player_vy_sub
    clc
    adc #$30
    sta player_vy_sub
    lda player_vy
    adc #0
    sta player_vy
    lda player_y_hi
    cmp #2
    bcs @still
    lda player_vy
    bmi @up
    clc
    adc player_y
    bcc @place
    inc player_y_hi
    bne @place
@up:
    clc
    adc player_y
@place:
    sta player_y
@still:
    jsr update_status
    jsr place_split
    jsr draw_player
    jsr draw_objects
    jsr draw_platforms
    dec mode_timer
    beq :+
    rts
:   lda #0
    sta has_key
    sta door_open
    lda lives
    bmi :+
    jmp start_card
:   jmp start_game_over

; --- the beacon ------------------------------------------------------------------------------------------------------

reach_goal:
    lda player_state
    cmp #STATE_PLAY
    bne @done
    lda #STATE_GOAL
    sta player_state
    lda #MODE_GOAL
    sta mode
    inc levels_done
    lda #0
    sta goal_phase
    sta player_vx
    sta player_vx_sub
    sta player_vy
    sta player_vy_sub
    jsr start_music
    play_sfx SFX_GOAL
    lda #100
    sta mode_timer
    lda #1
    ldx #2
    jsr add_score                       ; 1000
@done:
    rts

goal_frame:
    lda goal_phase
    bne @count
    ; down the pole
    lda player_x_hi
    sta tx_hi
    lda player_x_lo
    clc
    adc #8
    sta tx_lo
    bcc :+
    inc tx_hi
:   lda player_y
    clc
    adc #24
    sta ty
    jsr solid_at
    bcs @down
    lda player_y
    cmp #214
    bcs @down
    adc #2
    sta player_y
    jmp @draw
@down:
    dec mode_timer
    bne @draw
    inc goal_phase
    jmp @draw
@count:
    ; what is left on the timer counts
    lda timer
    ora timer + 1
    beq @counted
    jsr take_time_unit
    lda #5
    ldx #4
    jsr add_score
    lda timer
    ora timer + 1
    beq :+
    jsr take_time_unit
    lda #5
    ldx #4
    jsr add_score
:   lda frame_counter
    and #3
    bne @draw
    play_sfx SFX_SELECT
    jmp @draw
@counted:
    inc goal_phase
    lda goal_phase
    cmp #50
    bcs @next_level
@draw:
    inc anim_counter
    jsr publish_place
    jsr update_status
    jsr place_split
    jsr draw_beacon
    jsr draw_player
    jsr draw_objects
    jmp draw_platforms
@next_level:
    lda #0
    sta checkpoint_col
    sta has_key
    sta door_open
    inc level_number
    lda level_number
    cmp #NUM_LEVELS
    bcs :+
    jmp start_card
:   jmp start_ending

; The flag goes up the pole and the fire burns on top of it.
draw_beacon:
    lda goal_x_word
    sta tx_hi
    lda goal_x_word + 1
    sta tx_lo
    lda #52
    sta ty
    lda #%00000000
    sta tmp2
    lda anim_counter
    and #8
    asl a
    asl a
    asl a
    sta tmp2
    lda #S_FIRE
    jsr draw_16
    lda goal_x_word + 1
    clc
    adc #9
    sta tx_lo
    lda goal_x_word
    adc #0
    sta tx_hi
    lda #100
    sec
    sbc mode_timer
    bcs :+
    lda #0
:   asl a
    cmp #90
    bcc :+
    lda #90
:   sta tmp0
    lda #190
    sec
    sbc tmp0
    sta ty
    lda #2
    sta tmp2
    lda #S_FLAG
    jmp draw_16
