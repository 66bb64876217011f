package projector

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rosey/streams/streamstest"
)

func TestPatience_DoublesUntilADeliveryGetsOn(t *testing.T) {
	t.Parallel()
	var h patience
	starved := fmt.Errorf("delivery: %w", ErrStarved)
	for i, tt := range []struct {
		err      error
		progress bool
		want     int
	}{
		{starved, false, 2},
		{starved, false, 4},
		{errors.New("the line is cut"), false, 4}, // says nothing about it
		{starved, false, 8},
		{starved, false, 16},
		{starved, false, 30},
		{starved, false, 30},
		{starved, true, 2}, // it got on, and then starved
		{nil, true, 1},
	} {
		if h.ended(tt.err, tt.progress); h.looks() != tt.want {
			t.Errorf("step %d: %d looks, want %d", i, h.looks(), tt.want)
		}
	}
}

// A delivery that starved before gets more time.
func TestProjector_IsPatientWithASlowLine(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	publish(t, env, newScript(), posts(1)...)
	cfg := liveConfig(env, store)
	cfg.look = 20 * time.Millisecond
	p, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	for range 4 {
		in := new(intake)
		in.waiting.Store(true)
		ctx, cancel := context.WithCancelCause(t.Context())
		begun, least := time.Now(), time.Duration(p.patience.looks())*cfg.look
		p.attend(ctx, in, cancel)
		if cause := context.Cause(ctx); !errors.Is(cause, ErrStarved) {
			t.Fatalf("the delivery ended with %v, want ErrStarved", cause)
		}
		if took := time.Since(begun); took < least {
			t.Errorf("it starved after %s, want %s at least", took, least)
		}
		p.patience.ended(ErrStarved, false)
	}
}
