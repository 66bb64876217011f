package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

const testPage = 4096

// wreck is a spool's files as they are found at a start.
type wreck struct {
	cfg      Config
	producer string
	put      map[string][]byte // what was put, by its ID
	lines    int
}

func line(i int) string { return fmt.Sprintf("line-%05d-%s", i, strings.Repeat("x", 500)) }

// newWreck leaves a spool with that many lines: closed in good order, or as a
// crash leaves it, with everything in its log.
func newWreck(t *testing.T, lines int, crashed bool) *wreck {
	t.Helper()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	w := &wreck{cfg: cfg, producer: begin(t, s), lines: lines, put: map[string][]byte{}}
	for i := 0; i < lines; i += 5 {
		var evs []*events.Event
		for j := range 5 {
			evs = append(evs, said(line(i+j)))
		}
		put(t, s, evs...)
	}
	w.remember(t, s)
	if crashed {
		path := copySpool(t, cfg.Path)
		closeSpool(t, s)
		w.cfg.Path = path
		return w
	}
	closeSpool(t, s)
	return w
}

// remember notes what is in the queue.
func (w *wreck) remember(t tb, s *Spool) {
	t.Helper()
	rows, err := s.db.Query("SELECT producer, seq, data FROM events")
	if err != nil {
		t.Fatalf("read queue: %v", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var producer string
		var seq uint64
		var data []byte
		if err := rows.Scan(&producer, &seq, &data); err != nil {
			t.Fatalf("read queue: %v", err)
		}
		w.put[events.MakeID(producer, seq)] = data
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("read queue: %v", err)
	}
}

// change changes one of the files.
func (w *wreck) change(t *testing.T, suffix string, do func(data []byte) []byte) {
	t.Helper()
	if err := os.WriteFile(w.cfg.Path+suffix, do(readFile(t, w.cfg.Path+suffix)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// linesOf returns which lines have their text in a page of the file.
func (w *wreck) linesOf(t *testing.T, page int) []int {
	t.Helper()
	data := readFile(t, w.cfg.Path)[page*testPage : (page+1)*testPage]
	var list []int
	for i := range w.lines {
		if bytes.Contains(data, []byte(line(i))) {
			list = append(list, i)
		}
	}
	return list
}

// pageWith returns the first page for which found holds.
func (w *wreck) pageWith(t *testing.T, found func(page []byte) bool) int {
	t.Helper()
	data := readFile(t, w.cfg.Path)
	for n := 1; (n+1)*testPage <= len(data); n++ {
		if found(data[n*testPage : (n+1)*testPage]) {
			return n
		}
	}
	t.Fatal("there is no such page")
	return 0
}

// middle returns a page in the middle with lines.
func (w *wreck) middle(t *testing.T) int {
	t.Helper()
	return w.pageWith(t, func(page []byte) bool { return bytes.Contains(page, []byte(line(w.lines/2))) })
}

func garbage(page []byte) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range page {
		page[i] = byte(random.Uint32())
	}
}

// overwrite damages one page of the file.
func (w *wreck) overwrite(t *testing.T, page int, with func([]byte)) {
	t.Helper()
	w.change(t, "", func(data []byte) []byte {
		with(data[page*testPage : (page+1)*testPage])
		return data
	})
}

func TestOpen_RecoversWhatADamagedFileHolds(t *testing.T) {
	t.Parallel()
	const lines = 300
	for name, c := range map[string]struct {
		crashed bool
		// damage returns the lines that are gone.
		damage func(t *testing.T, w *wreck) []int
		known  bool // how the last run ended
	}{
		"zeroed page": {known: true, damage: func(t *testing.T, w *wreck) []int {
			page := w.middle(t)
			gone := w.linesOf(t, page)
			w.overwrite(t, page, func(page []byte) { clear(page) })
			return gone
		}},
		"garbage page": {known: true, damage: func(t *testing.T, w *wreck) []int {
			page := w.middle(t)
			gone := w.linesOf(t, page)
			w.overwrite(t, page, garbage)
			return gone
		}},
		"the page that leads to all others": {known: true, damage: func(t *testing.T, w *wreck) []int {
			w.overwrite(t, w.pageWith(t, func(page []byte) bool { return page[0] == 5 && page[5] != 0 }), garbage)
			return nil
		}},
		"garbage first page": {damage: func(t *testing.T, w *wreck) []int {
			w.overwrite(t, 0, garbage)
			return nil
		}},
		"zeroed first page": {damage: func(t *testing.T, w *wreck) []int {
			w.overwrite(t, 0, func(page []byte) { clear(page) })
			return nil
		}},
		"the page of the runs": {damage: func(t *testing.T, w *wreck) []int {
			w.overwrite(t, w.pageWith(t, func(page []byte) bool {
				return page[0] == leafPage && bytes.Contains(page, []byte(w.producer)) && !bytes.Contains(page, []byte("line-"))
			}), garbage)
			return nil
		}},
		"one letter of one line": {known: true, damage: func(t *testing.T, w *wreck) []int {
			w.change(t, "", func(data []byte) []byte { return bytes.Replace(data, []byte("line-00123"), []byte("line-00124"), 1) })
			return []int{123}
		}},
		"a file cut in half": {damage: func(t *testing.T, w *wreck) []int {
			half := len(readFile(t, w.cfg.Path)) / testPage / 2
			var gone []int
			for page := half; (page+1)*testPage <= len(readFile(t, w.cfg.Path)); page++ {
				gone = append(gone, w.linesOf(t, page)...)
			}
			w.change(t, "", func(data []byte) []byte { return data[:half*testPage+100] })
			return gone
		}},
		"a file of nothing beside its log": {crashed: true, damage: func(t *testing.T, w *wreck) []int {
			w.change(t, "", func([]byte) []byte { return nil })
			return nil
		}},
		"a log without its file": {crashed: true, damage: func(t *testing.T, w *wreck) []int {
			if err := os.Remove(w.cfg.Path); err != nil {
				t.Fatal(err)
			}
			return nil
		}},
		"a damaged frame in the middle of the log": {crashed: true, damage: func(t *testing.T, w *wreck) []int {
			w.change(t, "-wal", func(data []byte) []byte {
				frame := len(data) / (testPage + frameBytes) / 2
				garbage(data[logHeaderBytes+frame*(testPage+frameBytes)+16:][:8]) // its checksum
				return data
			})
			return nil
		}},
		// What SQLite still reads is an older state, and no row says that it is one.
		"garbage at the end of the log": {crashed: true, damage: func(t *testing.T, w *wreck) []int {
			var left []byte
			w.change(t, "-wal", func(data []byte) []byte {
				frames := (len(data) - logHeaderBytes) / (testPage + frameBytes)
				for frame := frames * 3 / 4; frame < frames; frame++ {
					garbage(data[logHeaderBytes+frame*(testPage+frameBytes)+frameBytes:][:testPage])
				}
				left = data
				return data
			})
			left = append(left, readFile(t, w.cfg.Path)...)
			var gone []int
			for n := range w.lines {
				if !bytes.Contains(left, []byte(line(n))) {
					gone = append(gone, n)
				}
			}
			return gone
		}},
		"a log without its header": {crashed: true, damage: func(t *testing.T, w *wreck) []int {
			w.change(t, "-wal", func(data []byte) []byte {
				garbage(data[:logHeaderBytes])
				return data
			})
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWreck(t, lines, c.crashed)
			gone := c.damage(t, w)
			if len(gone) > lines/2+lines/10 {
				t.Fatalf("%d lines are damaged: that is not what is meant", len(gone))
			}
			w.checkRecovered(t, gone, c.known)
		})
	}
}

// checkRecovered opens the wreck beside a stream that has some of the lines, and
// checks what comes of it.
func (w *wreck) checkRecovered(t *testing.T, gone []int, known bool) {
	t.Helper()
	stream := newMemory()
	var want []string
	sent := w.lines / 3
	for i := range w.lines {
		id := events.MakeID(w.producer, uint64(i+1))
		if i < sent {
			stream.messages = append(stream.messages, streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: id, Data: w.put[id]})
		}
		if i < sent || !slices.Contains(gone, i) {
			want = append(want, id)
		}
	}
	files := map[string]string{}
	for _, suffix := range []string{"", "-wal"} {
		if data, err := os.ReadFile(w.cfg.Path + suffix); err == nil {
			files[suffix] = string(data)
		}
	}

	s := openSpool(t, w.cfg)
	if got, want := s.Depth().Events, int64(w.lines-len(gone)); got != want {
		t.Errorf("%d events were recovered, want %d", got, want)
	}
	run, previous, err := s.Begin(t.Context())
	wantPrevious := Previous{}
	if known {
		wantPrevious = Previous{Producer: w.producer, LastSeq: uint64(w.lines), Known: true}
	}
	if err != nil || previous != wantPrevious {
		t.Errorf("previous run %+v (%v), want %+v", previous, err, wantPrevious)
	}
	put(t, s, said("afterwards"))
	// Another start, before anything was sent, neither reads the file again nor
	// forgets what is to be looked for.
	closeSpool(t, s)
	s = openSpool(t, w.cfg)
	drainAll(t, s, stream)
	closeSpool(t, s)
	checkIDs(t, stream.ids(), append(want, events.MakeID(run.Producer, 1)))
	for _, m := range stream.messages {
		if data, ok := w.put[m.MsgID]; ok && !bytes.Equal(m.Data, data) {
			t.Errorf("event %s is not what was put", m.MsgID)
		}
	}
	aside, err := damagedFiles(w.cfg.Path)
	if err != nil || len(aside) != 1 {
		t.Fatalf("files set aside: %v, %v, want one", aside, err)
	}
	in, err := Inspect(t.Context(), w.cfg.Path)
	if err != nil || len(in.Recovered) != 1 || in.Recovered[0].Path != aside[0] || in.Recovered[0].Events != int64(w.lines-len(gone)) {
		t.Errorf("the inspection tells %+v of recoveries (%v), want %d events of %s", in.Recovered, err, w.lines-len(gone), aside[0])
	}
	for suffix, data := range files {
		if string(readFile(t, aside[0]+suffix)) != data {
			t.Errorf("the damaged file%s was changed", suffix)
		}
	}
}

// What the stream has may lie anywhere among what was recovered: what a producer
// put before it was sent, and what it put after it was not.
func TestOpen_LooksForEveryRecoveredEvent(t *testing.T) {
	t.Parallel()
	w := newWreck(t, maxBatch+100, false)
	w.overwrite(t, 0, garbage)
	stream := newMemory()
	want := idsOf(w.producer, w.lines)[maxBatch+50:]
	stream.messages = append(stream.messages, streams.AppendMessage{MsgID: want[0], Data: w.put[want[0]]})
	s := openSpool(t, w.cfg)
	defer closeSpool(t, s)
	drainAll(t, s, stream)
	checkIDs(t, stream.ids(), want)
}

// Where the file does not say which runs there were, its events still name some.
func TestOpen_RecoveredEventsNameEarlierRuns(t *testing.T) {
	t.Parallel()
	w := newWreck(t, 50, false)
	w.overwrite(t, 0, garbage)
	s := openSpool(t, w.cfg)
	defer closeSpool(t, s)
	begin(t, s)
	drainAll(t, s, newMemory())
	for producer, want := range map[string]bool{w.producer: true, "another": false} {
		if got, err := s.IsEarlier(t.Context(), producer); err != nil || got != want {
			t.Errorf("%s is earlier: %t (%v), want %t", producer, got, err, want)
		}
	}
}

// The pages of a damaged file still hold rows that were sent long ago. What of
// them was erased from the stream on request must not come back.
func TestOpen_RecoveryBringsNothingErasedBack(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	first := begin(t, s)
	for i := range 50 {
		put(t, s, said(line(i)))
	}
	drainAll(t, s, env.Stream)
	second := begin(t, s)
	put(t, s, said("of the next run"), said("and another"))
	closeSpool(t, s)
	js, err := env.Conn.JetStream().Stream(t.Context(), streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(40) {
		if err := js.SecureDeleteMsg(t.Context(), seq+1); err != nil {
			t.Fatal(err)
		}
	}
	w := &wreck{cfg: cfg}
	w.overwrite(t, 0, garbage)

	s = openSpool(t, cfg)
	defer closeSpool(t, s)
	if s.Depth().Events <= 2 {
		t.Fatal("no event that was sent was recovered: that is not what is meant")
	}
	drainAll(t, s, env.Stream)
	checkIDs(t, storedIDs(t, env.Stream), append(idsOf(first, 50)[40:], idsOf(second, 2)...))
}

func TestOpen_RecoversAnEventOfManyPages(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	w := &wreck{cfg: cfg, producer: begin(t, s), lines: 3, put: map[string][]byte{}}
	put(t, s, said(line(0)), said(line(1)+strings.Repeat("long ", 20_000)), said(line(2)))
	w.remember(t, s)
	closeSpool(t, s)
	w.overwrite(t, 0, garbage)
	w.checkRecovered(t, nil, false)
}

func TestOpen_LosesAnEventOfManyPagesWithOneOfThem(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	w := &wreck{cfg: cfg, producer: begin(t, s), lines: 3, put: map[string][]byte{}}
	put(t, s, said(line(0)), said(line(1)), said(line(2)+strings.Repeat("long ", 20_000)))
	w.remember(t, s)
	closeSpool(t, s)
	w.overwrite(t, w.pageWith(t, func(page []byte) bool { return bytes.Count(page, []byte("long ")) > 700 }), garbage)
	w.checkRecovered(t, []int{2}, true)
}

func TestOpen_RecoversWhatWasSetAsideBeforeACrash(t *testing.T) {
	t.Parallel()
	for name, moved := range map[string]map[string]string{
		"all":                              {"-wal": "-wal", "-shm": "-shm", "": ""},
		"all, and the log has no name yet": {"-wal": movingLog, "-shm": "-shm", "": ""},
		"the log alone":                    {"-wal": movingLog, "-shm": "-shm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWreck(t, 50, true)
			aside := w.cfg.Path + damagedInfix + "20260101T000000.000"
			for from, to := range moved {
				if err := os.Rename(w.cfg.Path+from, aside+to); err != nil {
					t.Fatal(err)
				}
			}
			s := openSpool(t, w.cfg)
			defer closeSpool(t, s)
			begin(t, s)
			stream := newMemory()
			drainAll(t, s, stream)
			checkIDs(t, stream.ids(), idsOf(w.producer, 50))
			if files, err := damagedFiles(w.cfg.Path); err != nil || !slices.Equal(files, []string{aside}) {
				t.Errorf("files set aside: %v, %v", files, err)
			}
		})
	}
}

// Whoever takes a damaged file away may leave its log: that is no reason to set
// the good spool aside.
func TestOpen_ALogWithoutItsDamagedFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWreck(t, 50, true)
	w.overwrite(t, 0, garbage)
	s := openSpool(t, w.cfg)
	last := begin(t, s)
	put(t, s, said("one"), said("two"))
	closeSpool(t, s)
	files, err := damagedFiles(w.cfg.Path)
	if err != nil || len(files) != 1 {
		t.Fatalf("files set aside: %v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if len(readFile(t, files[0]+"-wal")) == 0 {
		t.Fatal("the damaged file had no log")
	}
	s = openSpool(t, w.cfg)
	defer closeSpool(t, s)
	if _, previous, err := s.Begin(t.Context()); err != nil || previous != (Previous{Producer: last, LastSeq: 2, Known: true}) {
		t.Errorf("the run before is %+v, %v; want %s up to 2", previous, err, last)
	}
}

func TestOpen_RecoversEventsThatTheStreamHadRefused(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	producer := begin(t, s)
	put(t, s, said("one"), said("two"), said("three"))
	stream := newMemory()
	stream.refuses[events.MakeID(producer, 2)] = true
	drainAll(t, s, stream)
	put(t, s, said("four"))
	closeSpool(t, s)
	w := &wreck{cfg: cfg}
	w.overwrite(t, 0, garbage)

	s = openSpool(t, cfg)
	defer closeSpool(t, s)
	list, err := s.ListSetAside(t.Context())
	if err != nil || len(list) != 1 || list[0].EventID != events.MakeID(producer, 2) {
		t.Errorf("set aside: %+v, %v", list, err)
	}
	drainAll(t, s, stream)
	checkIDs(t, stream.ids(), idsOf(producer, 4))
}

// A log breaks off where a crash came, and nobody was told of what was in that
// transaction: that is no damage.
func TestOpen_TornLastTransactionIsNoDamage(t *testing.T) {
	t.Parallel()
	w := newWreck(t, 50, true)
	w.change(t, "-wal", func(data []byte) []byte {
		garbage(data[len(data)-100:])
		return data
	})
	s := openSpool(t, w.cfg)
	defer closeSpool(t, s)
	if files, err := damagedFiles(w.cfg.Path); err != nil || len(files) > 0 {
		t.Errorf("files set aside: %v, %v", files, err)
	}
	if got := s.Depth().Events; got != 45 {
		t.Errorf("%d events, want the 45 of the transactions before", got)
	}
}

func TestOpen_FileOfTheFirstSchema(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	if err := createFile(cfg.Path); err != nil {
		t.Fatal(err)
	}
	steps, err := migrationSteps()
	if err != nil {
		t.Fatal(err)
	}
	e := said("from an older version")
	e.ID, e.Channel = events.MakeID("older", 1), "lobby"
	data, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	r := row{producer: "older", seq: 1, kind: e.Kind, subject: "rosey.db.message.log", atMS: 1, data: data}
	execFile(t, cfg.Path, steps[0]+fmt.Sprintf(`PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = %d; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;
		INSERT INTO producers VALUES (1, 'older', 1, 1);
		INSERT INTO events VALUES (1, 'older', 1, '%s', '%s', 1, %d, x'%x')`, applicationID, r.kind, r.subject, r.bytes(), data))
	for _, damaged := range []bool{false, true} {
		if damaged {
			w := &wreck{cfg: cfg}
			w.overwrite(t, 2, func(page []byte) { clear(page[:100]) })
		}
		s := openSpool(t, cfg)
		if _, previous, err := s.Begin(t.Context()); err != nil || previous.Producer != "older" && !damaged {
			t.Errorf("previous run: %+v, %v", previous, err)
		}
		if got := s.Depth().Events; got != 1 {
			t.Errorf("damaged=%t: %d events, want 1", damaged, got)
		}
		closeSpool(t, s)
	}
}

func TestDrain_RowThatChangedIsNotSent(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, nil)
	put(t, s, said("one"), said("two"))
	if _, err := s.db.ExecContext(t.Context(), "UPDATE events SET subject = 'rosey.db.message.private' WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	s.state.tail = tail{} // as after a start
	if _, err := s.head(t.Context()); err == nil {
		t.Error("a row is sent that is not what was put")
	}
}

func TestPages_VarintsAreSQLites(t *testing.T) {
	t.Parallel()
	for want, b := range map[int64][]byte{
		0: {0}, 127: {0x7f}, 128: {0x81, 0}, 16383: {0xff, 0x7f}, -1: bytes.Repeat([]byte{0xff}, 9),
	} {
		if got, n := varint(b); got != want || n != len(b) {
			t.Errorf("%x is %d in %d bytes, want %d in %d", b, got, n, want, len(b))
		}
	}
	for _, b := range [][]byte{nil, {0x80}, bytes.Repeat([]byte{0x80}, 8)} {
		if _, n := varint(b); n != 0 {
			t.Errorf("%x is a number of %d bytes", b, n)
		}
	}
}

func FuzzColumns(f *testing.F) {
	f.Add([]byte{3, 0, 13, 'x'})
	f.Add(binary.BigEndian.AppendUint64([]byte{0x81, 0x80, 9}, 1<<63))
	f.Fuzz(func(t *testing.T, payload []byte) {
		total := 0
		for _, v := range columns(payload) {
			total += len(v.bytes)
		}
		if total > len(payload) {
			t.Errorf("%d bytes of columns in a record of %d", total, len(payload))
		}
	})
}
