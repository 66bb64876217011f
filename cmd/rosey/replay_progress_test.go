package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/replay"
	"rosey/streams/archive"
)

// shown collects what a progress shows.
type shown struct {
	mu   sync.Mutex
	list []replay.Progress
}

func (s *shown) show(pr replay.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, pr)
}

func (s *shown) all() []replay.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

func TestProgress_ShowsEachPhaseAndThatTimeGoesBy(t *testing.T) {
	t.Parallel()
	var s shown
	p := startProgress(s.show, 20*time.Millisecond, time.Hour)
	p.tell(replay.Progress{})
	p.tell(replay.Progress{Phase: replay.PhaseEvents, Seq: 1, Last: 9, ElapsedSeconds: 1, RemainingSeconds: 0.001})
	p.tell(replay.Progress{Phase: replay.PhaseIndexes, Seq: 9, Last: 9, ElapsedSeconds: 2, RemainingSeconds: 0.001})
	deadline := time.Now().Add(2 * time.Minute)
	for len(s.all()) < 6 {
		if time.Now().After(deadline) {
			t.Fatalf("shown %+v: nothing where nothing is told", s.all())
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.tell(replay.Progress{Phase: replay.PhaseDone, Seq: 9, Last: 9, ElapsedSeconds: 2})
	p.close()
	p.close() // again
	list := s.all()
	if list[0].Phase != replay.PhaseEvents || list[len(list)-1].Phase != replay.PhaseDone {
		t.Errorf("shown %+v", list)
	}
	for i, pr := range list[1:] {
		if pr.ElapsedSeconds < list[i].ElapsedSeconds || pr.RemainingSeconds < 0 {
			t.Errorf("%+v after %+v", pr, list[i])
		}
	}
	var none *progress
	none.tell(replay.Progress{Phase: replay.PhaseEvents})
}

// What is told more often than anybody can read is left out, but for the last of a
// phase.
func TestProgress_ShowsNoMoreThanCanBeRead(t *testing.T) {
	t.Parallel()
	var s shown
	p := startProgress(s.show, time.Hour, time.Hour)
	for seq := range uint64(1000) {
		p.tell(replay.Progress{Phase: replay.PhaseEvents, Seq: seq + 1, Last: 1000})
	}
	p.tell(replay.Progress{Phase: replay.PhaseDone, Seq: 1000, Last: 1000})
	p.close()
	if list := s.all(); len(list) != 2 {
		t.Errorf("%d times: %+v", len(list), list)
	}
}

func TestBars_OnePerPhase(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := &bars{out: &out}
	steps := []replay.Progress{
		{Phase: replay.PhaseEvents, Seq: 10, Last: 1000, MemoryBytes: 64 << 20},
		{Phase: replay.PhaseEvents, Seq: 1000, Last: 1000},
		{Phase: replay.PhaseEvents, Seq: 1000, Last: 1000}, // it is complete already
		{Phase: replay.PhaseIndexes, Seq: 1000, Last: 1000},
		{Phase: replay.PhaseIndexes, Seq: 1000, Last: 1000},
		{Phase: replay.PhaseCatchingUp, Seq: 1000, Last: 1100},
		{Phase: replay.PhaseCatchingUp, Seq: 1100, Last: 1200},
		{Phase: replay.PhaseSwapping, Seq: 1200, Last: 1200},
		{Phase: "tidying", Seq: 1200, Last: 1200},
		{Phase: replay.PhaseDone, Seq: 1200, Last: 1200},
		{},
	}
	for _, pr := range steps {
		b.show(pr)
		time.Sleep(20 * time.Millisecond) // the bar leaves out what nobody would see
	}
	for _, want := range []string{"events, 64 MB of memory", "building indexes", "catching up", "swapping", "tidying"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown: %q", want, out.String())
		}
	}
	for _, drawn := range strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
		if (strings.Contains(drawn, "swapping") || strings.Contains(drawn, "indexes")) && strings.Contains(drawn, "events/s") {
			t.Errorf("%q counts what is no event", drawn)
		}
	}
	if b.bar != nil {
		t.Error("a bar is left on the screen")
	}
	(&bars{out: &out}).show(replay.Progress{Phase: replay.PhaseEvents}) // of an empty stream
}

// The page shows commands that parse, and the fields that there are.
func TestReplayPage_IsTrue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/replay.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, m := range regexp.MustCompile("(?m)^rosey ([^\n]*)$|`rosey ([^`]*)`").FindAllStringSubmatch(string(text), -1) {
		line, _, _ := strings.Cut(m[1]+m[2], "#")
		args := strings.Fields(strings.NewReplacer(" N", " 3", "SEQ", "4711", "TIME", "2026-03-31T23:59:59Z", " up", " up https://cytu.be/r/yourchannel").Replace(" " + line))
		commands++
		var c cli
		k, err := newParser(&c, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Parse(args); err != nil {
			t.Errorf("rosey %s: %v", line, err)
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
	example := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindSubmatch(text)
	if example == nil {
		t.Fatal("there is no example")
	}
	var shown map[string]any
	if err := json.Unmarshal(example[1], &shown); err != nil {
		t.Fatal(err)
	}
	typ := reflect.TypeFor[replay.Progress]()
	fields := 0
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		fields++
		if _, ok := shown[name]; !ok || !regexp.MustCompile("(?m)^\\|[^|]*`"+name+"`").Match(text) {
			t.Errorf("the page does not explain %s", name)
		}
	}
	if fields != len(shown) {
		t.Errorf("the example has %d fields, a progress %d", len(shown), fields)
	}
	for _, phase := range []string{replay.PhaseEvents, replay.PhaseIndexes, replay.PhaseCatchingUp, replay.PhaseSwapping, replay.PhaseDone} {
		if !strings.Contains(string(text), "`"+phase+"`") {
			t.Errorf("the page does not name the phase %s", phase)
		}
	}
}

// The phases of an archive are one command: its time goes on from one to the next.
func TestPassProgress_GoesOnBeyondAPhase(t *testing.T) {
	t.Parallel()
	var s shown
	p := startProgress(s.show, time.Hour, 0)
	defer p.close()
	tell := passProgress(p)
	tell(phaseArchiving, archive.Progress{Seq: 5, Last: 10, Messages: 5})
	time.Sleep(20 * time.Millisecond)
	tell(archive.PhaseVerifying, archive.Progress{Seq: 1, Last: 10, Messages: 1})
	list := s.all()
	last := list[len(list)-1]
	if last.Phase != archive.PhaseVerifying || last.ElapsedSeconds < 0.02 {
		t.Errorf("after 20 ms it shows %+v", last)
	}
	if _, err := os.Stat("/proc/self/statm"); err == nil && last.MemoryBytes == 0 {
		t.Errorf("it takes no memory: %+v", last)
	}
}

// A rebuild that stands still is not shown as fast: its rate is 0, whoever looks on
// says again how far it is, and a person sees for how long.
func TestProgress_SaysThatNothingComes(t *testing.T) {
	t.Parallel()
	var s shown
	var quiet time.Duration
	p := startProgress(s.show, time.Hour, 0)
	defer p.close()
	p.quiet = func(still time.Duration) { quiet = still }
	fast := replay.Progress{Phase: replay.PhaseEvents, Seq: 70_000, Last: 106_000, Events: 70_000, PerSecond: 31_044, RemainingSeconds: 1.2, ElapsedSeconds: 2}
	p.tell(fast)
	fast.ElapsedSeconds++
	p.tell(fast)
	if n := len(s.all()); n != 1 {
		t.Errorf("shown %d times without anything new", n)
	}
	p.again(time.Now().Add(2 * time.Hour))
	list := s.all()
	if last := list[len(list)-1]; len(list) != 2 || last.PerSecond != 0 || last.RemainingSeconds != 0 || last.Seq != 70_000 || quiet < time.Hour {
		t.Errorf("after two hours of nothing: %+v, quiet for %v", list, quiet)
	}
	fast.Seq++
	p.mu.Lock()
	p.shown = time.Time{} // it is no longer two hours later
	p.mu.Unlock()
	p.tell(fast)
	if list = s.all(); list[len(list)-1].PerSecond != fast.PerSecond || quiet != 0 {
		t.Errorf("once it goes on: %+v, quiet for %v", list[len(list)-1], quiet)
	}
	var out bytes.Buffer
	(&bars{out: &out, still: 12 * time.Second}).show(fast)
	if !strings.Contains(out.String(), "nothing for 12 s") {
		t.Errorf("a person sees %q", out.String())
	}
}
