package bot

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/spool"
	"rosey/events"
)

// troubled keeps events except while it has trouble.
type troubled struct {
	trouble  []error // one for each of the first Puts, nil for none
	kept     []*events.Event
	reserved []*events.Event
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

func (k *troubled) Depth() spool.Depth { return spool.Depth{Events: 1, Bytes: 1} }

func (k *troubled) Room() bool { return len(k.trouble) == 0 }

func commitTo(k *troubled) *Recorder {
	return &Recorder{
		cfg: RecorderConfig{CyTube: cytube.Config{Channel: "test"}, Now: time.Now}, log: slog.New(slog.DiscardHandler), keeper: k,
		translator: NewTranslator(TranslatorConfig{Channel: "test"}),
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

func TestRecorder_FullSpoolEndsTheVisitOnce(t *testing.T) {
	t.Parallel()
	k := &troubled{trouble: []error{nil, spool.ErrFull, spool.ErrFull, spool.ErrFull}}
	r := commitTo(k)
	left := 0
	first := r.fullness.arrive(time.Now(), func() { left++ })
	kept := two()
	kept[1].ReceivedMS = 4711
	for _, evs := range [][]*events.Event{kept, two(), two()} {
		if err := r.put(t.Context(), evs); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.kept) != 2 || left == 0 {
		t.Errorf("%d events were kept, want the first two; the channel was left %d times", len(k.kept), left)
	}
	if len(k.reserved) != 1 {
		t.Fatalf("%d events in the reserve, want one", len(k.reserved))
	}
	if p, ok := k.reserved[0].Payload.(*events.BotDisconnected); !ok || p.Reason != "spool_full" || p.ObservedMS != 4711 {
		t.Errorf("the reserve tells %+v, want that the last event kept was the last thing observed", k.reserved[0].Payload)
	}
	if !r.fullness.drops(heard{visit: first, item: cytube.Frame{}}) {
		t.Error("a frame of the visit that ended is recorded")
	}
	if next := r.fullness.arrive(time.Now(), func() {}); r.fullness.drops(heard{visit: next, item: cytube.Frame{}}) {
		t.Error("a frame of the next visit is not recorded")
	}
}

// What is put between two visits may be what fills the spool again. Were the
// channel visited all the same, nobody would notice that there is room.
func TestRecorder_ASpoolThatFillsBeforeAVisitPreventsIt(t *testing.T) {
	t.Parallel()
	k := &troubled{trouble: []error{spool.ErrFull}}
	r := commitTo(k)
	if err := r.put(t.Context(), two()); err != nil {
		t.Fatal(err)
	}
	// It has no client: a visit would panic.
	if err := r.visit(t.Context()); err != nil {
		t.Error(err)
	}
	if _, full := r.fullness.is(); !full || len(k.reserved) != 0 {
		t.Errorf("full: %t, and the reserve holds %d events about a visit that was none", full, len(k.reserved))
	}
}

// A disk may hold up what was read for longer than a line waits for its end. The
// bot leaves the channel then, and must not end because of it.
func TestRecorder_AVisitEndsWhileTheDiskHoldsUpWhatWasRead(t *testing.T) {
	t.Parallel()
	c, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	r := commitTo(&troubled{})
	if r.client, err = cytube.New(cytube.Config{Server: c.URL(), Channel: "test", Username: "rosey", Password: "secret"}); err != nil {
		t.Fatal(err)
	}
	r.items, r.taken = make(chan heard), make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	left := make(chan error, 1)
	go func() { left <- r.visit(ctx) }()
	<-r.items // the line is up, and what comes next is held up
	leave()
	select {
	case err := <-left:
		t.Fatalf("the visit ended before what it had read was taken: %v", err)
	case <-time.After(7 * time.Second): // longer than the line's own patience
	}
	var last cytube.Item
	for {
		select {
		case h := <-r.items:
			last = h.item
			continue
		case err := <-left:
			if err != nil {
				t.Errorf("leaving the channel: %v", err)
			}
		}
		break
	}
	if _, ok := last.(cytube.Disconnected); !ok {
		t.Errorf("the last item of the visit is %T, want its end", last)
	}
}
