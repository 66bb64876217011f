package cytubetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// EveningConfig describes a simulated evening. The zero value is of use.
type EveningConfig struct {
	Seed  uint64
	Users int     // how many different people may come; default 34, at least 12
	Rate  float64 // things happening in a second, on average; default 25
	// FilmEvery and PollEvery are how many things happen between two films and
	// between two polls. Default 250 and 200.
	FilmEvery, PollEvery int
}

// Evening drives a Channel as people do: they come and go, greet, talk in small
// groups, fall asleep, watch films and vote. The same seed gives the same
// evening.
//
// Its opening brings, within the first hundred things, the names and texts that
// trip programs up.
type Evening struct {
	c    *Channel
	cfg  EveningConfig
	rand *rand.Rand

	people  []character
	opening []func()
	group   []string // who is talking at the moment
	left    int      // lines the group still has to say
	film    int
	poll    int
	pollEnd int // step at which the open poll closes
	step    int
}

// character is somebody who may come to the evening.
type character struct {
	name string
	rank float64
}

// NewEvening prepares an evening on the channel.
func NewEvening(c *Channel, cfg EveningConfig) *Evening {
	if cfg.Users == 0 {
		cfg.Users = 34
	}
	if cfg.Rate <= 0 {
		cfg.Rate = 25
	}
	if cfg.FilmEvery <= 0 {
		cfg.FilmEvery = 250
	}
	if cfg.PollEvery <= 0 {
		cfg.PollEvery = 200
	}
	e := &Evening{c: c, cfg: cfg, rand: rand.New(rand.NewPCG(cfg.Seed, 0xC4))} //nolint:gosec // repeatable on purpose
	e.people = slices.Clone(cast[:min(max(cfg.Users, 12), len(cast))])
	e.opening = e.openingScript()
	return e
}

// Run waits until a client is in the channel to see it, and then lets the
// evening go on until ctx ends, which is no error.
func (e *Evening) Run(ctx context.Context) error {
	for e.c.Clients() == 0 {
		if !pause(ctx, 5*time.Millisecond) {
			return nil
		}
	}
	for pause(ctx, e.gap()) {
		e.Step()
	}
	return nil
}

// Ledger returns the channel's counts.
func (e *Evening) Ledger() Ledger { return e.c.Ledger() }

// gap is the time to the next thing: often short, now and then long.
func (e *Evening) gap() time.Duration {
	seconds := min(e.rand.ExpFloat64(), 5) / e.cfg.Rate
	return time.Duration(seconds * float64(time.Second))
}

func pause(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Step lets the next thing happen. It is for callers that keep their own time;
// Run calls it too. It must not be called from two goroutines.
func (e *Evening) Step() {
	e.step++
	if len(e.opening) > 0 {
		e.opening[0]()
		e.opening = e.opening[1:]
		return
	}
	switch {
	case e.step%e.cfg.FilmEvery == 0:
		e.nextFilm()
		return
	case e.pollEnd > 0 && e.step >= e.pollEnd:
		e.pollEnd = 0
		_ = e.c.ClosePoll() // it may have been replaced
		return
	case e.step%e.cfg.PollEvery == 0:
		e.openPoll()
		return
	}
	e.something()
}

// something is what happens when nothing is due.
func (e *Evening) something() {
	switch n := e.rand.IntN(1000); {
	case n < 40:
		e.arrive()
	case n < 70:
		e.depart()
	case n < 110:
		e.nod()
	case n < 130:
		e.c.SetAnonymous(e.rand.IntN(6))
	case n < 140:
		e.whisper()
	case n < 145:
		e.c.Drink()
	case n < 148:
		e.c.SetMotd(pick(e.rand, motds))
	case n < 160:
		e.c.QueueMedia(e.anybody(), e.nextTitle())
	case n < 162:
		e.troublemaker()
	case n < 240 && e.pollEnd > 0:
		_ = e.c.Vote(e.anybody(), e.rand.IntN(3)) // the option may not exist
	default:
		e.talk()
	}
}

// present returns the characters in the channel.
func (e *Evening) present() []string {
	var here []string
	inside := e.c.Users()
	for _, p := range e.people {
		if slices.Contains(inside, p.name) {
			here = append(here, p.name)
		}
	}
	return here
}

func (e *Evening) anybody() string {
	here := e.present()
	if len(here) == 0 {
		e.enter(e.people[0])
		return e.people[0].name
	}
	return pick(e.rand, here)
}

func (e *Evening) enter(p character) { _ = e.c.JoinAs(p.name, p.rank) } // may be here already

func (e *Evening) arrive() {
	here := e.present()
	for range 20 {
		p := pick(e.rand, e.people)
		if slices.Contains(here, p.name) {
			continue
		}
		e.enter(p)
		if len(here) > 0 && e.rand.IntN(2) == 0 {
			e.say(pick(e.rand, here), fmt.Sprintf(pick(e.rand, greetings), p.name))
		}
		return
	}
	e.talk()
}

// depart lets somebody go, as long as company remains.
func (e *Evening) depart() {
	here := e.present()
	if len(here) < 8 {
		e.arrive()
		return
	}
	name := pick(e.rand, here)
	if e.rand.IntN(3) == 0 {
		e.say(name, pick(e.rand, farewells))
	}
	_ = e.c.Leave(name) // is here
}

// nod lets somebody fall asleep, or wake.
func (e *Evening) nod() { _ = e.c.SetAFK(e.anybody(), e.rand.IntN(3) > 0) } // is here

// whisper is a private message between two people, which no client sees.
func (e *Evening) whisper() { _ = e.c.PM(e.anybody(), e.anybody(), pick(e.rand, lines)) } // both are here

// troublemaker lets a guest come, annoy and be thrown out.
func (e *Evening) troublemaker() {
	name := fmt.Sprintf("xX_spam_%03d_Xx", e.rand.IntN(1000))
	if e.c.JoinGuest(name) != nil {
		return
	}
	e.say(name, "FREE COINS at http://example.com/?ref="+name)
	_ = e.c.Kick(name, "not here, please") // is here
	e.say(moderatorName, "sorry about that")
}

func (e *Evening) say(name, text string) { _ = e.c.Say(name, text) } // somebody absent says nothing

// talk says the next line of the conversation, and starts another when it is
// over.
func (e *Evening) talk() {
	if e.left <= 0 || len(e.group) == 0 {
		here := e.present()
		if len(here) == 0 {
			e.arrive()
			return
		}
		e.rand.Shuffle(len(here), func(i, j int) { here[i], here[j] = here[j], here[i] })
		e.group = here[:min(2+e.rand.IntN(3), len(here))]
		e.left = 3 + e.rand.IntN(12)
	}
	e.left--
	e.say(pick(e.rand, e.group), e.line())
}

// line makes up a line.
func (e *Evening) line() string {
	text := pick(e.rand, lines)
	switch e.rand.IntN(10) {
	case 0:
		text = pick(e.rand, e.group) + ": " + text
	case 1:
		text += " " + pick(e.rand, emotes)
	case 2:
		text = fmt.Sprintf(pick(e.rand, remarks), pick(e.rand, subjects), pick(e.rand, adjectives))
	case 3:
		text = fmt.Sprintf(pick(e.rand, remarks), films[e.film%len(films)].Title, pick(e.rand, adjectives))
	case 4:
		text = pick(e.rand, reactions)
	}
	return text
}

func (e *Evening) nextTitle() Media {
	e.film++
	return films[e.film%len(films)]
}

func (e *Evening) nextFilm() {
	by := e.anybody()
	e.c.PlayMedia(by, e.nextTitle())
	e.say(by, pick(e.rand, announcements))
}

func (e *Evening) openPoll() {
	q := polls[e.poll%len(polls)]
	e.poll++
	if e.poll%3 == 0 {
		e.c.OpenHiddenPoll(moderatorName, q.title, q.options...)
	} else {
		e.c.OpenPoll(moderatorName, q.title, q.options...)
	}
	e.pollEnd = e.step + e.cfg.PollEvery*6/10
}

// openingScript is the start of the evening: the hosts, the first film, and
// early on everything that is awkward to store or to show.
func (e *Evening) openingScript() []func() {
	var script []func()
	do := func(f func()) { script = append(script, f) }
	for _, p := range e.people[:min(12, len(e.people))] {
		do(func() { e.enter(p) })
		do(func() { e.say(p.name, pick(e.rand, hellos)) })
	}
	do(func() { e.c.SetMotd(motds[0]) })
	do(e.nextFilm)
	do(func() { e.c.QueueMedia(hostName, e.nextTitle()) })
	do(e.openPoll)
	for i, text := range awkward {
		name := e.people[i%min(12, len(e.people))].name
		do(func() { e.say(name, text) })
		if i%4 == 0 {
			do(func() { _ = e.c.Vote(name, i%3) }) // the poll has three options
		}
		if i%6 == 0 {
			do(e.arrive)
		}
	}
	return script
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
