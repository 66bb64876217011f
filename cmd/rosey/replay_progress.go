package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"rosey/replay"
	"rosey/streams/archive"
)

// progress shows how far a rebuild is: a bar on a terminal, JSON lines elsewhere
// and where they are asked for.
type progress struct {
	show  func(replay.Progress)
	every time.Duration // how often something is shown at the least
	least time.Duration // and at the most, within one phase

	mu    sync.Mutex
	quiet func(time.Duration) // hears before show for how long nothing was read; may be nil
	last  replay.Progress
	told  time.Time // when last came
	moved time.Time // when last was further than before
	shown time.Time
	phase string // as it was last shown
	// elapsed is the longest shown: a work may have ended before time was seen to go by.
	elapsed float64
	once    sync.Once
	end     chan struct{}
	wg      sync.WaitGroup
}

// newProgress shows on the console's error output until close.
func newProgress(con *console, asJSON bool) *progress {
	file, ok := con.err.(*os.File)
	if !asJSON && ok && term.IsTerminal(int(file.Fd())) {
		b := &bars{out: file}
		p := startProgress(b.show, 200*time.Millisecond, 0)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.quiet = func(still time.Duration) { b.still = still }
		return p
	}
	enc := json.NewEncoder(con.err)
	return startProgress(func(pr replay.Progress) {
		if pr.Phase != "" {
			_ = enc.Encode(pr) // the result is what counts
		}
	}, time.Second, 500*time.Millisecond)
}

func startProgress(show func(replay.Progress), every, least time.Duration) *progress {
	p := &progress{show: show, every: every, least: least, end: make(chan struct{})}
	p.wg.Go(p.tick)
	return p
}

// tell notes how far it is. A nil progress shows nothing.
func (p *progress) tell(pr replay.Progress) {
	if p == nil || pr.Phase == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if pr == p.last {
		return // tick goes on counting
	}
	further := pr.Phase != p.last.Phase || pr.Seq != p.last.Seq || pr.Events != p.last.Events
	p.last, p.told = pr, now
	if further {
		p.moved = now
	}
	if pr.Phase != p.phase || further && now.Sub(p.shown) >= p.least {
		p.display(pr, now)
	}
}

// stalledAfter is how long nothing may be read until that is said: a batch may take a
// moment.
const stalledAfter = 5 * time.Second

// stalled says of a phase whose length is known for how long nothing was read, 0 for
// no time worth telling.
func (p *progress) stalled(now time.Time) time.Duration {
	if still := now.Sub(p.moved); phaseWords[p.last.Phase].measured && p.last.Seq < p.last.Last && still >= stalledAfter {
		return still
	}
	return 0
}

func (p *progress) display(pr replay.Progress, now time.Time) {
	p.elapsed = max(p.elapsed, pr.ElapsedSeconds)
	p.shown, p.phase, pr.ElapsedSeconds = now, pr.Phase, p.elapsed
	still := p.stalled(now)
	if still > 0 {
		pr.PerSecond, pr.RemainingSeconds = 0, 0 // what it was before says nothing
	}
	if p.quiet != nil {
		p.quiet(still)
	}
	p.show(pr)
}

// tick shows that time goes by where nothing is told for long.
func (p *progress) tick() {
	t := time.NewTicker(p.every / 4)
	defer t.Stop()
	for {
		select {
		case <-p.end:
			return
		case now := <-t.C:
			p.again(now)
		}
	}
}

func (p *progress) again(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A tick early: what is due at the next would be late.
	if p.phase == "" || p.phase == replay.PhaseDone || now.Sub(p.shown) < p.every*3/4 {
		return
	}
	pr, since := p.last, now.Sub(p.told).Seconds()
	pr.ElapsedSeconds += since
	pr.RemainingSeconds = max(pr.RemainingSeconds-since, 0)
	p.display(pr, now)
}

// close ends what is shown, if it has not ended before; the result comes after it.
func (p *progress) close() {
	p.once.Do(func() { close(p.end) })
	p.wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase != "" && p.phase != replay.PhaseDone {
		p.show(replay.Progress{}) // takes a bar off the screen
		p.phase = ""
	}
}

// bars shows a bar for the phase whose length is known, and that the others go on.
type bars struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	phase string
	still time.Duration // for how long nothing was read
}

func (b *bars) show(pr replay.Progress) {
	if pr.Phase != b.phase && b.bar != nil {
		_ = b.bar.Finish() // a screen that is gone needs nothing
		b.bar = nil
	}
	b.phase = pr.Phase
	if pr.Phase == "" || pr.Phase == replay.PhaseDone {
		return
	}
	length := int64(-1)
	if pr.Last > 0 && phaseWords[pr.Phase].measured {
		length = int64(pr.Last)
	}
	if b.bar == nil {
		options := []progressbar.Option{
			progressbar.OptionSetWriter(b.out), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetSpinnerChangeInterval(0),
		}
		if length > 0 {
			// What is not measured would count how often it was drawn.
			options = append(options, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"))
		}
		b.bar = progressbar.NewOptions64(length, options...)
	}
	if b.bar.IsFinished() {
		return
	}
	text := withMemory(pr)
	if b.still > 0 {
		text += fmt.Sprintf(", nothing for %d s", int(b.still.Seconds()))
	}
	b.bar.Describe(text)
	switch {
	case length < 0:
		_ = b.bar.Add(1)
	default:
		if length != b.bar.GetMax64() {
			b.bar.ChangeMax64(length)
		}
		_ = b.bar.Set64(int64(pr.Seq))
	}
}

// phaseWords say to a person what is being done. What is measured goes from one
// sequence to another.
var phaseWords = map[string]struct {
	text     string
	measured bool
}{
	replay.PhaseEvents: {"events", true}, replay.PhaseIndexes: {"building indexes", false},
	replay.PhaseCatchingUp: {"catching up", true}, replay.PhaseSwapping: {"swapping", false},
	replay.PhaseRemoving: {"removing the tables before", false},
	phaseArchiving:       {"archiving", true}, archive.PhaseVerifying: {"verifying the archive", true},
	archive.PhaseImporting: {"importing", true}, archive.PhaseComparing: {"comparing", true},
}

func phaseText(pr replay.Progress) string {
	if words, ok := phaseWords[pr.Phase]; ok {
		return words.text
	}
	return pr.Phase
}

func withMemory(pr replay.Progress) string {
	if pr.MemoryBytes == 0 {
		return phaseText(pr)
	}
	return fmt.Sprintf("%s, %d MB of memory", phaseText(pr), pr.MemoryBytes>>20)
}
