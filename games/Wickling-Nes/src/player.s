; The player: movement, collision, what is touched, the picture.

update_player:
    jsr steer
    jsr move_x
    jsr jump_or_fall
    jsr move_y
    jsr touch
    jmp animate

; Pads to speed along x.
steer:
    lda pad_held
    and #BUTTON_RIGHT | BUTTON_LEFT
    jeq @release
    cmp #BUTTON_RIGHT | BUTTON_LEFT
    jeq @release
    cmp #BUTTON_RIGHT
    bne @left
    lda #1
    sta player_facing
    lda player_vx
    bmi @skid_right
    ; faster, up to the limit
    jsr speed_limit
    lda player_vx_sub
    clc
    adc #ACCELERATION
    sta tmp0
    lda player_vx
    adc #0
    sta tmp1
    lda tmp0
    cmp tmp2
    lda tmp1
    sbc tmp3
    bcc @take
    ; beyond the limit: back to it, slowly when it was running
    lda player_vx_sub
    sec
    sbc #FRICTION
    sta tmp0
    lda player_vx
    sbc #0
    sta tmp1
    lda tmp0
    cmp tmp2
    lda tmp1
    sbc tmp3
    bcs @take
    lda tmp2
    sta tmp0
    lda tmp3
    sta tmp1
@take:
    lda tmp0
    sta player_vx_sub
    lda tmp1
    sta player_vx
    rts
@skid_right:
    lda #SKID
    jmp add_speed
@left:
    lda #2
    sta player_facing
    lda player_vx
    bmi @faster_left
    ora player_vx_sub
    beq @faster_left
    lda #SKID
    jmp take_speed
@faster_left:
    jsr negate_speed
    jsr @run_left
    jmp negate_speed
@run_left:
    jsr speed_limit
    lda player_vx_sub
    clc
    adc #ACCELERATION
    sta tmp0
    lda player_vx
    adc #0
    sta tmp1
    lda tmp0
    cmp tmp2
    lda tmp1
    sbc tmp3
    bcc @take
    lda player_vx_sub
    sec
    sbc #FRICTION
    sta tmp0
    lda player_vx
    sbc #0
    sta tmp1
    lda tmp0
    cmp tmp2
    lda tmp1
    sbc tmp3
    bcs @take
    lda tmp2
    sta tmp0
    lda tmp3
    sta tmp1
    jmp @take
@release:
    ; towards 0; in the air the candle keeps its speed
    lda player_air
    bne @done
    lda player_vx
    bmi @slow_left
    lda player_vx_sub
    sec
    sbc #FRICTION
    sta player_vx_sub
    lda player_vx
    sbc #0
    sta player_vx
    bpl @done
    bmi @stop
@slow_left:
    lda player_vx_sub
    clc
    adc #FRICTION
    sta player_vx_sub
    lda player_vx
    adc #0
    sta player_vx
    bmi @done
@stop:
    lda #0
    sta player_vx
    sta player_vx_sub
@done:
    rts

; The limit for the speed: tmp3:tmp2.
speed_limit:
    lda #<WALK_SPEED
    sta tmp2
    lda #>WALK_SPEED
    sta tmp3
    lda mode
    cmp #MODE_DUEL
    beq @done
    lda pad_held
    and #BUTTON_B
    beq @done
    lda #<RUN_SPEED
    sta tmp2
    lda #>RUN_SPEED
    sta tmp3
@done:
    rts

negate_speed:
    lda #0
    sec
    sbc player_vx_sub
    sta player_vx_sub
    lda #0
    sbc player_vx
    sta player_vx
    rts

; Speed + A, - A.
add_speed:
    clc
    adc player_vx_sub
    sta player_vx_sub
    bcc :+
    inc player_vx
:   rts

take_speed:
    sta tmp0
    lda player_vx_sub
    sec
    sbc tmp0
    sta player_vx_sub
    bcs :+
    dec player_vx
:   rts

; Move along x and stop at walls.
move_x:
    lda player_x_sub
    clc
    adc player_vx_sub
    sta player_x_sub
    lda player_vx
    adc player_x_lo
    sta player_x_lo
    lda #0
    bit player_vx
    bpl :+
    lda #$FF
:   adc player_x_hi
    sta player_x_hi
    bit player_vx
    bmi @left
    ; right: a wall at the right side, x + 12
    lda player_x_lo
    clc
    adc #12
    sta tx_lo
    lda player_x_hi
    adc #0
    sta tx_hi
    jsr wall_there
    bcc @done
@wall_right:
    lda tx_lo
    and #$F0
    sec
    sbc #13
    sta player_x_lo
    lda tx_hi
    sbc #0
    sta player_x_hi
    jmp @stopped
@left:
    lda player_x_lo
    clc
    adc #3
    sta tx_lo
    lda player_x_hi
    adc #0
    sta tx_hi
    ; the left edge of the screen
    lda player_x_hi
    bmi @edge
    lda player_x_lo
    sec
    sbc scroll_lo
    lda player_x_hi
    sbc scroll_hi
    bcc @edge
    jsr wall_there
    bcc @done
    lda tx_lo
    and #$F0
    clc
    adc #13
    sta player_x_lo
    lda tx_hi
    adc #0
    sta player_x_hi
    jmp @stopped
@edge:
    lda scroll_lo
    sta player_x_lo
    lda scroll_hi
    sta player_x_hi
@stopped:
    lda #0
    sta player_vx
    sta player_vx_sub
    sta player_x_sub
@done:
    rts

; Whether something solid is at x = tx, at the height of the head or of the feet.
wall_there:
    lda player_y
    clc
    adc #6
    sta ty
    jsr solid_at
    bcs @found
    lda player_y
    clc
    adc #22
    sta ty
    jsr solid_at
@found:
    rts

; The button and gravity.
jump_or_fall:
    lda jump_buffer
    beq :+
    dec jump_buffer
:   lda pad_pressed
    bpl :+
    lda #BUFFER_FRAMES
    sta jump_buffer
:   ; who keeps holding the button hops again a moment after landing
    lda pad_held
    bpl @no_hop
    lda player_air
    bne @no_hop
    inc hop_wait
    lda hop_wait
    cmp #HOP_FRAMES
    bcc @ready
    lda #1
    sta jump_buffer
@no_hop:
    lda #0
    sta hop_wait
@ready:
    lda coyote
    beq fall
    dec coyote
    lda jump_buffer
    beq fall
    lda #<(-JUMP_SPEED)
    sta player_vy_sub
    lda #>(-JUMP_SPEED)
    sta player_vy
    lda #1
    sta player_air
    lda #0
    sta coyote
    sta jump_buffer
    lda #$FF
    sta riding
    play_sfx SFX_JUMP
fall:
    ldx #GRAVITY
    lda player_vy
    bpl :+
    lda pad_held
    bpl :+
    ldx #GRAVITY_HELD
:   txa
    clc
    adc player_vy_sub
    sta player_vy_sub
    lda player_vy
    adc #0
    sta player_vy
    bmi @done
    cmp #>FALL_SPEED
    bcc @done
    lda player_vy_sub
    cmp #<FALL_SPEED
    bcc @done
    lda #<FALL_SPEED
    sta player_vy_sub
    lda #>FALL_SPEED
    sta player_vy
@done:
    rts

; Move along y; stop at ceilings and floors.
move_y:
    lda player_y
    sta tmp7                            ; where the feet were
    lda player_y_sub
    clc
    adc player_vy_sub
    sta player_y_sub
    lda player_y
    adc player_vy
    sta player_y
    lda player_vy
    bpl @falling
    ; the head: not above the picture, not into a ceiling
    lda player_y
    cmp #12
    bcc @top
    cmp #240
    bcc @ceiling
@top:
    lda #12
    sta player_y
    jmp @bumped
@ceiling:
    lda #1
    sta player_air
    lda player_y
    clc
    adc #4
    sta ty
    lda #8
    jsr head_point
    jsr class_at
    cmp #CLASS_BONUS
    beq @bonus
    jsr is_solid
    bcs @hit
    lda #5
    jsr head_point
    jsr solid_at
    bcs @hit
    lda #10
    jsr head_point
    jsr solid_at
    bcs @hit
    rts
@bonus:
    lda #MT_USED
    jsr set_metatile
    lda tx_hi
    sta tmp1
    lda tx_lo
    jsr take_column
    jsr add_ember
    play_sfx SFX_EMBER
@hit:
    play_sfx SFX_BUMP
    ; below the ceiling's cell
    lda player_y
    clc
    adc #4
    and #$F0
    clc
    adc #12
    sta player_y
@bumped:
    lda #0
    sta player_vy
    sta player_vy_sub
    sta player_y_sub
    rts

@falling:
    lda player_y
    cmp #226
    bcc :+
    lda #2
    sta player_y_hi
    jmp kill_player
:   jsr land_on_platform
    bcs @landed_on_platform
    lda player_y
    clc
    adc #24
    sta ty
    lda #4
    jsr head_point
    jsr floor_here
    bcs @landed
    lda #11
    jsr head_point
    jsr floor_here
    bcs @landed
    lda #1
    sta player_air
    rts
@landed:
    lda player_y
    clc
    adc #24
    and #$F0
    sec
    sbc #24
    sta player_y
    lda #$FF
    sta riding
@landed_on_platform:
    lda #0
    sta player_vy
    sta player_vy_sub
    sta player_y_sub
    sta player_air
    lda #COYOTE_FRAMES
    sta coyote
    rts

; tx = player x + A.
head_point:
    clc
    adc player_x_lo
    sta tx_lo
    lda player_x_hi
    adc #0
    sta tx_hi
    rts

; Whether the feet stand on what is at tx, ty: solid, or a shelf that they were above of. Out: C.
floor_here:
    jsr class_at
    cmp #CLASS_SHELF
    bne @solid
    lda ty
    and #$F0
    sta tmp0                            ; top of the shelf
    lda tmp7
    clc
    adc #24
    cmp tmp0
    beq @yes
    bcc @yes
    clc
    rts
@yes:
    sec
    rts
@solid:
    jmp is_solid

; The embers and the bonus of the column at tmp1:A are gone for this try.
take_column:
    sta tmp0
    lda tmp1
    .repeat 4
        asl tmp0
        rol a
    .endrepeat
    jsr column_bit
    ora taken_columns, x
    sta taken_columns, x
    rts

; What the body touches, at four points.
touch:
    lda player_state
    cmp #STATE_PLAY
    bne @done
    lda #5
    ldy #7
    jsr @point
    lda #10
    ldy #7
    jsr @point
    lda #5
    ldy #20
    jsr @point
    lda #10
    ldy #20
@point:
    jsr head_point
    tya
    clc
    adc player_y
    sta ty
    jsr class_at
    cmp #CLASS_THORN
    bcc @done
    beq @thorn
    cmp #CLASS_EMBER
    beq @ember
    cmp #CLASS_TORCH
    beq @torch
    cmp #CLASS_BEACON
    beq @beacon
    cmp #CLASS_KEY
    beq @key
@done:
    rts
@thorn:
    jmp kill_player
@beacon:
    jmp reach_goal
@ember:
    lda #MT_EMPTY
    jsr set_metatile
    lda tx_hi
    sta tmp1
    lda tx_lo
    jsr take_column
    play_sfx SFX_EMBER
    jmp add_ember
@torch:
    lda #MT_TORCH_LIT
    jsr set_metatile
    lda tx_hi
    sta tmp1
    lda tx_lo
    sta tmp0
    lda tmp1
    .repeat 4
        asl tmp0
        rol a
    .endrepeat
    sta checkpoint_col
    inc checkpoints
    lda #5
    ldx #3
    jsr add_score
    play_sfx SFX_TORCH
    rts
@key:
    lda #MT_EMPTY
    jsr set_metatile
    lda #1
    sta has_key
    lda #5
    ldx #3
    jsr add_score
    play_sfx SFX_KEY
    rts

; Doors open when the player stands before them with the key.
try_door:
    lda has_key
    beq @done
    lda door_open
    bne @done
    lda #14
    jsr head_point
    lda player_y
    clc
    adc #20
    sta ty
    jsr class_at
    cmp #CLASS_DOOR
    bne @done
    lda #1
    sta door_open
    lda #MT_OPEN_B
    jsr set_metatile
    lda ty
    sec
    sbc #16
    sta ty
    lda #MT_OPEN_T
    jsr set_metatile
    play_sfx SFX_DOOR
@done:
    rts

animate:
    lda player_vx
    ora player_vx_sub
    beq @still
    lda #1
@still:
    clc
    adc anim_counter
    sta anim_counter
    jmp try_door

; The picture: flame, face, feet.
draw_player:
    lda player_y_hi
    cmp #1
    bne @done
    lda player_x_hi
    sta tx_hi
    lda player_x_lo
    sta tx_lo
    jsr to_screen
    lda player_y
    sec
    sbc #1
    sta ty
    lda #0
    ldx player_facing
    cpx #2
    bne :+
    ora #%01000000
:   sta tmp2
    jmp draw_candle_here
@done:
    rts

; The same with the place on the screen in tmp1:tmp0 and ty, attributes in tmp2.
draw_candle_here:
    lda frame_counter
    and #8
    beq :+
    lda #S_FLAME_B - S_FLAME_A
:   clc
    adc #S_FLAME_A
    jsr draw_strip
    lda ty
    clc
    adc #8
    sta ty
    lda player_state
    cmp #STATE_DYING
    beq :+
    lda #S_FACE
    bne @face
:   lda #S_FACE_HURT
@face:
    jsr draw_strip
    lda ty
    clc
    adc #8
    sta ty
    lda player_air
    beq @walks
    lda #S_FEET_JUMP
    bne @feet
@walks:
    lda player_vx
    ora player_vx_sub
    beq @stands
    lda anim_counter
    lsr a
    lsr a
    and #1
    asl a
    clc
    adc #S_FEET_RUN_A
    bne @feet
@stands:
    lda #S_FEET_STAND
@feet:
    jmp draw_strip
