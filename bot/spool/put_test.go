package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestPut_BeforeBeginIsRefused(t *testing.T) {
	t.Parallel()
	s := openSpool(t, testConfig(t.TempDir()))
	defer closeSpool(t, s)
	if err := s.Put(t.Context(), said("one")); !errors.Is(err, ErrNotBegun) {
		t.Errorf("put: %v, want ErrNotBegun", err)
	}
}

func TestPut_RefusedEventUsesNoSequence(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	put(t, s, said("one"))
	if err := s.Put(t.Context(), said("two"), &events.Event{}); err == nil {
		t.Fatal("an event without a kind was put")
	}
	checkIDs(t, put(t, s, said("three")), []string{events.MakeID(producer, 2)})
	if got := s.Depth().Events; got != 2 {
		t.Errorf("%d events wait, want 2", got)
	}
}

func TestPut_DepthCountsAndSurvivesReopening(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	begin(t, s)
	put(t, s, said("one"), said("two"))
	depth := s.Depth()
	if depth.Events != 2 || depth.Bytes == 0 || depth.OldestMS == 0 {
		t.Errorf("depth is %+v", depth)
	}
	closeSpool(t, s)
	s = openSpool(t, cfg)
	defer closeSpool(t, s)
	if got := s.Depth(); got != depth {
		t.Errorf("depth after reopening is %+v, want %+v", got, depth)
	}
}

func TestPut_FullRefusesAndReserveTells(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, producer := newSpool(t, func(c *Config) { c.MaxBytes = MinMaxBytes })
	line := said(strings.Repeat("x", 5000))
	count := 0
	var err error
	for err = s.Put(t.Context(), line); err == nil; err = s.Put(t.Context(), line) {
		count++
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("put into a full spool: %v, want ErrFull", err)
	}
	if err := s.PutReserved(t.Context(), said("spool_full")); err != nil {
		t.Fatalf("put into the reserve: %v", err)
	}
	drainAll(t, s, env.Stream)
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, count+1))
	put(t, s, line)
}

func TestPut_FullDiskIsReportedAndSurvived(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	put(t, s, said("one"))
	limitPages := func(pages string) {
		t.Helper()
		var n, now int64
		err := s.change(t.Context(), func(ctx context.Context, tx *session, _ *state) error {
			if err := tx.QueryRowContext(ctx, "PRAGMA page_count").Scan(&now); err != nil {
				return err
			}
			return tx.QueryRowContext(ctx, "PRAGMA max_page_count("+strings.ReplaceAll(pages, "now", fmt.Sprint(now))+")").Scan(&n)
		})
		if err != nil {
			t.Fatalf("limit the file: %v", err)
		}
	}
	limitPages("now")
	err := s.Put(t.Context(), said(strings.Repeat("x", 100_000)))
	if err == nil || !strings.Contains(err.Error(), "full") || !strings.Contains(err.Error(), "message.log") {
		t.Fatalf("put on a full disk: %v, want an error that says so and names the event", err)
	}
	if strings.Contains(err.Error(), "xxx") {
		t.Errorf("error repeats the text: %v", err)
	}
	limitPages("1000000")
	checkIDs(t, put(t, s, said("two")), []string{events.MakeID(producer, 2)})
	if got := s.Depth().Events; got != 2 {
		t.Errorf("%d events wait, want 2", got)
	}
}

func TestPut_LargeEventBecomesParts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain":  strings.Repeat("All work and no play. ", 1000),
		"quotes": strings.Repeat(`"\`, 10_000),
		"wide":   strings.Repeat("日本語🎬", 3000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := streamstest.New(t)
			s, producer := newSpool(t, func(c *Config) { c.MaxEventBytes = 4096 })
			large := said(text)
			ids := put(t, s, said("before"), large, said("after"))
			drainAll(t, s, env.Stream)

			list := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{})
			checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, len(list)))
			var parts []*events.BotPart
			for _, m := range list[1 : len(list)-1] {
				if len(m.Data) > 4096 {
					t.Errorf("part %s has %d bytes", m.MsgID, len(m.Data))
				}
				e, err := events.Decode(events.KindBotPart, m.Data)
				if err != nil {
					t.Fatalf("decode part: %v", err)
				}
				if e.ReceivedMS != large.ReceivedMS || e.TimeMS != large.TimeMS || e.Channel != "lobby" {
					t.Errorf("part %s has another envelope", m.MsgID)
				}
				parts = append(parts, e.Payload.(*events.BotPart))
			}
			whole, err := events.JoinParts(parts)
			if err != nil {
				t.Fatalf("join: %v", err)
			}
			if got := whole.Payload.(*events.MessageLog).Message; got != text {
				t.Errorf("joined text differs: %d bytes, want %d", len(got), len(text))
			}
			if whole.ID != ids[1] || ids[1] != list[1].MsgID {
				t.Errorf("whole has the id %s, put gave %s, the first part %s", whole.ID, ids[1], list[1].MsgID)
			}
		})
	}
}

func TestPut_SubjectPerChannel(t *testing.T) {
	t.Parallel()
	stream := newMemory()
	s, _ := newSpool(t, func(c *Config) { c.Subject = events.SubjectFor })
	put(t, s, said("one"))
	drainAll(t, s, stream)
	if got, want := stream.messages[0].Subject, events.SubjectFor(events.KindMessageLog, "lobby"); got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
}

func TestDrain_RefusedEventIsSetAside(t *testing.T) {
	t.Parallel()
	// The server takes less than the spool was told.
	env := streamstest.New(t)
	s, producer := newSpool(t, nil)
	large := said(strings.Repeat("x", 100_000))
	put(t, s, said("before"), large, said("after"))
	app := &faulty{Appender: tooLarge{env.Stream}}
	drainAll(t, s, app)

	list := streamstest.ReadAll(t, env.Stream, streams.ReadOptions{})
	checkIDs(t, storedIDs(t, env.Stream), idsOf(producer, 3))
	if list[1].Subject != events.Subject(events.KindBotSetAside) {
		t.Fatalf("the refused event's place is taken by %s", list[1].Subject)
	}
	marker, err := events.Decode(events.KindBotSetAside, list[1].Data)
	if err != nil {
		t.Fatalf("decode marker: %v", err)
	}
	p := marker.Payload.(*events.BotSetAside)
	if p.Refused != events.KindMessageLog || p.Bytes < 100_000 || p.Reason == "" {
		t.Errorf("marker says %+v", p)
	}
	if marker.ReceivedMS != large.ReceivedMS || marker.Channel != "lobby" {
		t.Errorf("marker has another envelope: %+v", marker)
	}
	aside, err := s.ListSetAside(t.Context())
	if err != nil || len(aside) != 1 || aside[0].EventID != large.ID || aside[0].Bytes != p.Bytes {
		t.Errorf("set aside: %+v, %v", aside, err)
	}
	var data []byte
	if err := s.db.QueryRowContext(t.Context(), "SELECT data FROM set_aside").Scan(&data); err != nil {
		t.Fatalf("read data: %v", err)
	}
	if !bytes.Contains(data, []byte("xxxx")) {
		t.Error("the refused event's data is not kept")
	}
}

// tooLarge is a stream behind a server that takes little.
type tooLarge struct{ *streams.Stream }

func (a tooLarge) Append(ctx context.Context, m streams.AppendMessage) (streams.Ack, error) {
	if len(m.Data) > 10_000 {
		return streams.Ack{}, fmt.Errorf("%w: too large", streams.ErrRefused)
	}
	return a.Stream.Append(ctx, m)
}

func (a tooLarge) AppendBatch(ctx context.Context, batch []streams.AppendMessage) ([]streams.Ack, error) {
	for _, m := range batch {
		if len(m.Data) > 10_000 {
			return nil, fmt.Errorf("%w: too large", streams.ErrRefused)
		}
	}
	return a.Stream.AppendBatch(ctx, batch)
}

func TestDrain_RefusedMarkerIsNoFaultOfTheEvent(t *testing.T) {
	t.Parallel()
	stream := newMemory()
	stream.refuses["rosey.db.bot.set_aside"] = true
	s, producer := newSpool(t, nil)
	stream.refuses[events.MakeID(producer, 1)] = true
	put(t, s, said("one"))
	app := &faulty{Appender: stream}
	stop := startDrain(t, s, app)
	waitUntil(t, func() bool { app.mu.Lock(); defer app.mu.Unlock(); return app.singles > 5 })
	if got := s.Depth().Events; got != 1 {
		t.Errorf("%d events wait, want the marker", got)
	}
	stream.mu.Lock()
	delete(stream.refuses, "rosey.db.bot.set_aside")
	stream.mu.Unlock()
	settle(t, s)
	stop()
	checkIDs(t, stream.ids(), idsOf(producer, 1))
}
