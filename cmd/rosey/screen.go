package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen shows how a running installation is: a status line on a terminal, log
// lines elsewhere.
type screen struct {
	log *slog.Logger

	mu    sync.Mutex
	out   *os.File // the terminal, nil elsewhere
	err   io.Writer
	line  bool // a status line is on the screen
	plain time.Duration
}

// plainEvery is how often the state is logged where there is no terminal.
const plainEvery = 30 * time.Second

func newScreen(con *console, f logFlags) *screen {
	s := &screen{err: con.err, plain: plainEvery}
	level := slog.LevelInfo
	if file, ok := con.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.out, level = file, quietLevel
	}
	s.log = f.logger(s, level)
	return s
}

// Write puts a log line above the status line.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	return s.err.Write(p)
}

func (s *screen) clear() {
	if s.line {
		fmt.Fprint(s.err, "\r\x1b[K")
		s.line = false
	}
}

// follow shows the state until the returned function is called.
func (s *screen) follow(ctx context.Context, h *house) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	every := s.plain
	if s.out != nil {
		every = time.Second
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		var before uint64
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				st := stateOf(h)
				st.rate = float64(st.events-before) / every.Seconds()
				before = st.events
				s.show(st)
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clear()
	}
}

// state is what the status line tells.
type state struct {
	word             string
	events           uint64
	rate             float64
	lag              any // a number, or that it is unknown
	spool            int64
	users, connected int64
	playing          string
}

func stateOf(h *house) state {
	r, p := h.recorder.Status(), h.projector.Status()
	st := state{
		word: "recording", events: r.Events, lag: p.Lag, spool: r.Depth.Events,
		users: r.View.Users, connected: r.View.Connected, playing: r.View.NowPlaying,
	}
	if p.LagUnknown {
		st.lag = "unknown"
	}
	work := h.projector.Work()
	switch {
	case work.Running:
		st.word = fmt.Sprintf("making the tables again (%s, seq %d of %d)", phaseText(work.Progress), work.Progress.Seq, work.Progress.Last)
	case p.Trouble != nil:
		st.word = "tables stand still"
	case r.Full:
		st.word = "spool full: nothing is recorded"
	case r.Failing != nil:
		st.word = "spooling"
	case !r.Line.Joined && !r.Line.NextAttempt.IsZero():
		st.word = fmt.Sprintf("off the channel (%s), next try in %s", r.Line.LastReason, time.Until(r.Line.NextAttempt).Round(time.Second))
	case !r.Line.Joined:
		st.word = "joining"
	case h.recorder.sender.Trouble() != nil:
		st.word = "recording, and nothing is sent: the queue cannot be read"
	}
	return st
}

func (st state) line() string {
	parts := []string{
		st.word, fmt.Sprintf("%d events", st.events), fmt.Sprintf("%.1f/s", st.rate), fmt.Sprintf("lag %v", st.lag),
	}
	if st.spool > 0 {
		parts = append(parts, fmt.Sprintf("spool %d", st.spool))
	}
	// CyTube tells the count of connections up to ten seconds late.
	parts = append(parts, fmt.Sprintf("users %d, connections %d", st.users, max(st.connected, st.users)))
	if st.playing != "" {
		parts = append(parts, "playing "+printable(st.playing))
	}
	return strings.Join(parts, "  ")
}

func (s *screen) show(st state) {
	if s.out == nil {
		// Titles are somebody's words; a log has none of those.
		s.log.Info("status", "state", st.word, "events", st.events, "rate", fmt.Sprintf("%.1f", st.rate), "lag", st.lag,
			"spool", st.spool, "users", st.users, "connected", st.connected)
		return
	}
	width, _, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 20 {
		width = 80
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.err, "\r\x1b[K%s", clip(st.line(), width-1))
	s.line = true
}

// clip cuts a line to a number of characters.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}

// printable keeps a terminal safe from what others wrote.
func printable(text string) string {
	var b bytes.Buffer
	for _, r := range text {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			b.WriteRune('�')
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
