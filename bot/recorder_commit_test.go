package bot

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/spool"
	"rosey/events"
)

// troubled keeps events except while it has trouble.
type troubled struct {
	trouble  []error // one for each of the first Puts, nil for none
	kept     []*events.Event
	reserved []*events.Event
	bytes    int64
}

func (k *troubled) Put(_ context.Context, evs ...*events.Event) error {
	if len(k.trouble) > 0 {
		err := k.trouble[0]
		k.trouble = k.trouble[1:]
		if err != nil {
			return err
		}
	}
	k.kept = append(k.kept, evs...)
	return nil
}

func (k *troubled) PutReserved(_ context.Context, evs ...*events.Event) error {
	k.reserved = append(k.reserved, evs...)
	return nil
}

// Depth has less each time: the spool drains meanwhile.
func (k *troubled) Depth() spool.Depth {
	k.bytes /= 2
	return spool.Depth{Events: 1, Bytes: k.bytes}
}

func commitTo(k *troubled) *Recorder {
	return &Recorder{
		cfg: RecorderConfig{CyTube: cytube.Config{Channel: "test"}, Now: time.Now}, log: slog.New(slog.DiscardHandler), keeper: k,
	}
}

func two() []*events.Event {
	return []*events.Event{{Kind: events.KindUserLeft}, {Kind: events.KindUserJoined}}
}

func TestRecorder_FailingDiskIsTriedAgain(t *testing.T) {
	t.Parallel()
	disk := errors.New("no space left")
	k := &troubled{trouble: []error{disk, disk}}
	if err := commitTo(k).put(t.Context(), two()); err != nil {
		t.Fatal(err)
	}
	if len(k.kept) != 2 {
		t.Errorf("%d events were kept, want both", len(k.kept))
	}
}

func TestRecorder_FailingDiskEndsWithTheContext(t *testing.T) {
	t.Parallel()
	disk := errors.New("no space left")
	k := &troubled{trouble: []error{disk, disk, disk, disk}}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := commitTo(k).put(ctx, two()); !errors.Is(err, disk) {
		t.Errorf("error %v, want the disk's", err)
	}
}

func TestRecorder_FullSpoolIsToldAndWaitedFor(t *testing.T) {
	t.Parallel()
	k := &troubled{trouble: []error{spool.ErrFull}, bytes: 1 << 20}
	if err := commitTo(k).put(t.Context(), two()); err != nil {
		t.Fatal(err)
	}
	if len(k.kept) != 2 {
		t.Errorf("%d events were kept, want both", len(k.kept))
	}
	if len(k.reserved) != 1 {
		t.Fatalf("%d events in the reserve, want one", len(k.reserved))
	}
	if p, ok := k.reserved[0].Payload.(*events.BotDisconnected); !ok || p.Reason != "spool_full" {
		t.Errorf("the reserve tells %+v", k.reserved[0].Payload)
	}
}
