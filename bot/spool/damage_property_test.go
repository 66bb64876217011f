package spool

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/events"

	"pgregory.net/rapid"
)

// Whatever becomes of a spool's files, a start either leaves them alone or goes
// on with a spool that works: it sends nothing that was not put, nothing twice,
// and everything that is put from then on.
func TestOpen_AnyDamageSendsNothingWrongAndNothingTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "spool-damage")
		if err != nil {
			t.Fatalf("make folder: %v", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		w := &wreck{cfg: testConfig(dir), put: map[string][]byte{}}
		w.cfg.BackoffMax = w.cfg.BackoffMin
		stream := newMemory()
		damageRandomly(t, w, stream)

		before, err := os.ReadFile(w.cfg.Path)
		if err != nil {
			t.Fatalf("read file: %v", err)
		}
		s, err := Open(context.Background(), w.cfg)
		if err != nil {
			after, readErr := os.ReadFile(w.cfg.Path)
			if readErr != nil || !bytes.Equal(before, after) || !errors.Is(err, ErrNotASpool) && !errors.Is(err, ErrNewerSchema) {
				t.Fatalf("refused with %v, and the file was changed: %t, %v", err, !bytes.Equal(before, after), readErr)
			}
			return
		}
		producer := begin(t, s)
		put(t, s, said("afterwards"), said("and again"))
		drainAll(t, s, stream)
		closeSpool(t, s)

		seen := map[string]bool{}
		for _, m := range stream.messages {
			if seen[m.MsgID] {
				t.Errorf("event %s is in the stream twice", m.MsgID)
			}
			seen[m.MsgID] = true
			if strings.HasPrefix(m.MsgID, producer+"-") {
				continue
			}
			if data, ok := w.put[m.MsgID]; !ok || !bytes.Equal(m.Data, data) || m.Subject != "rosey.db.message.log" {
				t.Errorf("event %s is not what was put: subject %s, %d bytes, known %t with %d", m.MsgID, m.Subject, len(m.Data), ok, len(data))
			}
		}
		if !seen[events.MakeID(producer, 1)] || !seen[events.MakeID(producer, 2)] {
			t.Error("what was put after the damage is missing")
		}
	})
}

// damageRandomly leaves the files of a run that was closed or cut short, with a
// part of its events sent, and damages them.
func damageRandomly(t *rapid.T, w *wreck, stream *memory) {
	cfg := w.cfg
	cfg.Path = filepath.Join(filepath.Dir(cfg.Path), "before", "test.db") // beside: it has a lock of its own
	s := openSpool(t, cfg)
	begin(t, s)
	for range rapid.IntRange(1, 5).Draw(t, "puts") {
		var evs []*events.Event
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			evs = append(evs, said(strings.Repeat("x", rapid.SampledFrom([]int{10, 300, 9000}).Draw(t, "size"))))
		}
		put(t, s, evs...)
		w.remember(t, s)
		if rapid.IntRange(0, 3).Draw(t, "drain") == 0 {
			drainSteps(t, s, stream, 1)
		}
	}
	closed := rapid.Bool().Draw(t, "closed")
	if closed {
		closeSpool(t, s)
	}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(cfg.Path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatalf("read %s: %v", suffix, err)
		}
		if err := os.WriteFile(w.cfg.Path+suffix, damagedCopy(t, data), 0o600); err != nil {
			t.Fatalf("write %s: %v", suffix, err)
		}
	}
	if !closed {
		closeSpool(t, s)
	}
}

func damagedCopy(t *rapid.T, data []byte) []byte {
	data = bytes.Clone(data)
	for range rapid.IntRange(0, 3).Draw(t, "damages") {
		if len(data) == 0 {
			return data
		}
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		page := at / testPage * testPage
		switch rapid.SampledFrom([]string{"flip", "flip early", "zero", "garbage", "cut", "swap"}).Draw(t, "damage") {
		case "flip":
			data[at] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		case "flip early":
			data[at%min(len(data), 200)] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		case "zero":
			clear(data[page:min(len(data), page+testPage)])
		case "garbage":
			garbage(data[page:min(len(data), page+testPage)])
		case "cut":
			data = data[:at]
		case "swap":
			other := rapid.IntRange(0, len(data)-1).Draw(t, "other") / testPage * testPage
			if size := min(testPage, len(data)-page, len(data)-other); other != page {
				moved := bytes.Clone(data[page : page+size])
				copy(data[page:page+size], data[other:other+size])
				copy(data[other:other+size], moved)
			}
		}
	}
	return data
}
