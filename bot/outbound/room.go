package outbound

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"rosey/bot/cytube"
)

// room is what the sender knows of the channel from what it hears. It is a state
// machine without a clock of its own, and not safe for concurrent use.
type room struct {
	connected bool
	joined    bool
	visit     uint64
	joinedAt  time.Time
	self      speaker
	ranks     int  // how often our rank was told in this visit
	ranked    bool // the rank in the channel is known
	flood     Rate // the channel's own limit
	floodOn   bool

	burst   []chatLine // the history that is being sent again
	bursts  bool       // it is
	recent  []heardLine
	newest  int64 // the greatest time of a line that the history should hold
	visited []visited

	flight  *flight
	flown   int       // lines that left
	silent  int       // no answer comes any more to lines up to this one
	excused int       // no refusal is taken for an answer to lines up to this one
	asked   question  // about lines that got none
	cooled  []landing // refusals for flooding that are not surely about one line
	lost    []*flight // given up for lack of an echo; of this and earlier visits
	stray   []chatLine
	used    map[lineKey]bool // lines that are known to be one of ours
	proofs  []proof
}

// heardLine is a line and when it was heard.
type heardLine struct {
	timeMS int64
	at     time.Time
	// settled means that nothing of ours can share its millisecond: it is one of our
	// own, which the pace keeps apart, or was there before we came.
	settled bool
}

// visited is the history that one visit began with.
type visited struct {
	visit uint64
	lines []chatLine
	// older means that a line is missing that was in the chat before: the server
	// came back with an older state of the channel.
	older bool
}

// proof says that a line was shown after all of which nobody knew.
type proof struct {
	id     int64
	timeMS int64
}

// lineKey tells lines apart as far as that goes: CyTube names none.
type lineKey struct {
	timeMS int64
	text   string
}

func keyOfLine(l chatLine) lineKey { return lineKey{l.timeMS, l.text} }

const (
	keepRecent  = 64
	keepVisited = 8
	keepStray   = 64
	keepUsed    = 1000
	keepLost    = 100
	// rankGrace is how long after a join the rank in the channel may take to come.
	rankGrace = 3 * time.Second
)

// What a channel allows, as long as it has not said so.
const (
	defaultChatRank  = 0
	defaultDrinkRank = 1.5
	moderator        = 2
)

// hear takes the next item.
func (r *room) hear(it cytube.Item, now time.Time) {
	switch it := it.(type) {
	case cytube.Connected:
		r.leave(now)
		r.connected, r.bursts = true, true
		r.self = speaker{chatRank: defaultChatRank, drinkRank: defaultDrinkRank}
		r.ranks, r.ranked, r.floodOn = 0, false, false
		r.burst, r.stray, r.cooled, r.asked = nil, nil, nil, question{}
	case cytube.Joined:
		r.join(it, now)
	case cytube.Disconnected:
		r.leave(now)
	case cytube.Frame:
		if r.connected {
			r.frame(it, now)
		}
	}
}

// leave ends a visit. A line that is on its way then is settled by the next one.
func (r *room) leave(now time.Time) {
	r.connected, r.joined, r.bursts = false, false, false
	if r.flight != nil {
		r.flight.land(landing{what: gone, heard: now})
		r.flight = nil
	}
}

func (r *room) join(it cytube.Joined, now time.Time) {
	r.joined, r.bursts, r.visit, r.joinedAt = true, false, it.Visit, now
	r.self.name = it.Name
	r.ranked = r.ranked || it.Guest || it.Name == "" // these have none in the channel
	h := visited{visit: it.Visit, lines: r.burst}
	last := int64(0)
	for _, l := range h.lines {
		last = max(last, l.timeMS)
	}
	h.older = r.newest > last
	r.newest = last
	r.recent = r.recent[:0]
	for _, l := range h.lines {
		r.note(l, now, true)
	}
	if len(r.visited) >= keepVisited {
		// The first one is kept: it is the next to what an earlier run left.
		r.visited = slices.Delete(r.visited, 1, 2)
	}
	r.visited = append(r.visited, h)
	r.recognise(h)
}

// recognise looks for lines that were given up in the history of a later visit.
func (r *room) recognise(h visited) {
	r.lost = slices.DeleteFunc(r.lost, func(f *flight) bool {
		if f.visit >= h.visit {
			return false
		}
		if f.recipient != "" {
			return true // private messages come only once
		}
		e := evidence{name: r.self.name, shown: f.line.shown, afterMS: f.afterMS, used: r.used}
		if found, what := e.judge(h); what == shown {
			r.prove(f, found)
		}
		return true // no other visit will know more
	})
}

// note keeps a line that the history of the chat holds.
func (r *room) note(l chatLine, now time.Time, settled bool) {
	if l.notice() || l.shadow {
		return
	}
	if len(r.recent) >= keepRecent {
		r.recent = slices.Delete(r.recent, 0, keepRecent/2)
	}
	r.recent = append(r.recent, heardLine{l.timeMS, now, settled})
	r.newest = max(r.newest, l.timeMS)
}

// anchor is the time of the newest line that every line written from now on comes
// after, in the history as by its time. It is 0 where there is none.
func (r *room) anchor(now time.Time) int64 {
	for _, l := range slices.Backward(r.recent) {
		if l.settled || now.Sub(l.at) >= apart {
			return l.timeMS
		}
	}
	return 0
}

// rate is the limit that our chat lines are under.
func (r *room) rate(site Rate) Rate {
	if r.floodOn && r.self.rank < moderator {
		return r.flood
	}
	return site
}

// rankKnown reports whether the rank is known that the channel gave us. It comes a
// moment after the join; where it has not by then, there is none.
func (r *room) rankKnown(now time.Time) bool { return r.ranked || now.Sub(r.joinedAt) >= rankGrace }

func (r *room) frame(f cytube.Frame, now time.Time) {
	switch f.Event {
	case "chatMsg", "pm":
		if l, ok := parseLine(f.Args); ok {
			r.line(l, f.Event == "pm", now)
		}
	case "clearchat":
		// The history is empty from here on.
		r.recent, r.newest = r.recent[:0], 0
	case "rank":
		r.ranks++
		var rank float64
		if decodeFirst(f.Args, &rank) {
			r.self.rank = rank
			// The first is that of a stranger, the second that on the site.
			r.ranked = r.ranked || r.joined || r.ranks > 2
		}
	case "setUserRank":
		var w struct {
			Name string  `json:"name"`
			Rank float64 `json:"rank"`
		}
		if decodeFirst(f.Args, &w) && r.isSelf(w.Name) {
			r.self.rank, r.ranked = w.Rank, true
		}
	case "login":
		var w struct {
			Success bool   `json:"success"`
			Name    string `json:"name"`
		}
		if decodeFirst(f.Args, &w) && w.Success {
			r.self.name = w.Name
		}
	case "userlist":
		r.bursts = false
		var list []userMeta
		if decodeFirst(f.Args, &list) {
			for _, u := range list {
				r.meta(u)
			}
		}
	case "addUser", "setUserMeta":
		var u userMeta
		if decodeFirst(f.Args, &u) {
			r.meta(u)
		}
	case "setPermissions":
		r.permissions(f.Args)
	case "channelOpts":
		r.options(f.Args)
	case "kick":
		r.kick(f.Args, now)
	default:
		if isToOneself(f.Event, f.Args) {
			r.answered()
		} else if v, ok := refusal(f.Event, f.Args); ok {
			v.heard = now
			r.refuse(v)
		}
	}
}

func (r *room) isSelf(name string) bool {
	return r.self.name != "" && strings.EqualFold(name, r.self.name)
}

// userMeta is what is told of a user's mute.
type userMeta struct {
	Name string `json:"name"`
	Meta struct {
		Shadow bool `json:"smuted"`
	} `json:"meta"`
}

// meta notes a shadow mute, which only moderators are told of.
func (r *room) meta(u userMeta) {
	if r.isSelf(u.Name) {
		r.self.shadow = u.Meta.Shadow
	}
}

func (r *room) permissions(args []json.RawMessage) {
	var w struct {
		Chat  *float64 `json:"chat"`
		Drink *float64 `json:"drink"`
	}
	if !decodeFirst(args, &w) {
		return
	}
	if w.Chat != nil {
		r.self.chatRank = *w.Chat
	}
	if w.Drink != nil {
		r.self.drinkRank = *w.Drink
	}
}

func (r *room) options(args []json.RawMessage) {
	var w struct {
		On     bool `json:"chat_antiflood"`
		Params struct {
			Burst     float64 `json:"burst"`
			Sustained float64 `json:"sustained"`
			Cooldown  float64 `json:"cooldown"`
		} `json:"chat_antiflood_params"`
	}
	if !decodeFirst(args, &w) {
		return
	}
	r.floodOn = w.On && w.Params.Sustained > 0 && w.Params.Burst >= 0
	r.flood = Rate{Burst: int(min(w.Params.Burst, 1000)), Sustained: w.Params.Sustained}
	if w.Params.Cooldown > 0 {
		r.flood.Cooldown = seconds(w.Params.Cooldown)
	}
}

// kick notes that the bot is thrown out. One without a reason is the site's answer
// to a link it does not allow.
func (r *room) kick(args []json.RawMessage, now time.Time) {
	var w struct {
		Reason *string `json:"reason"`
	}
	if f := r.flight; f != nil && decodeFirst(args, &w) && w.Reason == nil && strings.Contains(f.line.text, ".") && !r.owes() {
		f.land(landing{what: spam, heard: now})
		r.flight = nil
	}
}

// refuse lands the line that a refusal is about: the server answers in the order
// in which lines were written. Where one without an answer was given up before it,
// that may be meant; then nobody can tell of the line on its way any more, and it is
// not to wait for what may have come already.
func (r *room) refuse(v landing) {
	r.forget(v.heard)
	f, owed := r.flight, r.owed(v)
	if f != nil && !v.fits(f) {
		f = nil
	}
	if f != nil && len(owed) == 0 {
		r.flight = nil
		f.land(v)
		return
	}
	if v.what == flooded && len(r.cooled) < keepLost {
		r.cooled = append(r.cooled, v)
	}
	switch {
	case f != nil:
		f.land(landing{what: silence, heard: v.heard})
		r.giveUp(f)
		r.doubt(v.heard)
	case len(owed) == 1:
		r.quiet(owed[0].number)
	}
}

// line takes a chat line or a private message.
func (r *room) line(l chatLine, private bool, now time.Time) {
	if r.bursts && !private {
		if !l.notice() && !l.shadow {
			r.burst = append(r.burst, l)
		}
		return
	}
	if !private {
		r.note(l, now, r.isSelf(l.user))
	}
	if !r.joined || !l.by(r.self.name) {
		return
	}
	if l.shadow {
		r.self.shadow = true // and this is the second copy
		return
	}
	r.echo(l, private, now)
}

// echo finds the line of ours that came back.
func (r *room) echo(l chatLine, private bool, now time.Time) {
	r.forget(now)
	var open, gone []*flight
	for _, f := range append(slices.Clone(r.lost), r.flight) {
		if f == nil || f.visit != r.visit || (f.recipient != "") != private || private && !strings.EqualFold(f.recipient, l.to) {
			continue
		}
		if f == r.flight || r.open(f) {
			open = append(open, f)
		} else {
			gone = append(gone, f)
		}
	}
	found := pick(open, l)
	if found == nil {
		found = likeliest(gone, l)
	}
	if found != nil && !private {
		r.quiet(found.number) // and what was written before it is not shown after it
	}
	switch found {
	case nil:
		if !private && len(r.stray) < keepStray {
			r.stray = append(r.stray, l)
		}
		return
	case r.flight:
		r.flight = nil
		found.land(landing{what: echoed, timeMS: l.timeMS, heard: now})
	default:
		r.lost = slices.DeleteFunc(r.lost, func(f *flight) bool { return f == found })
		r.prove(found, l)
	}
	r.use(l)
}

// pick chooses among lines that nothing was heard of. Where there is but one, it is
// that: nobody else can write in our name, and filters may have changed all of it.
func pick(open []*flight, l chatLine) *flight {
	if len(open) == 1 {
		return open[0]
	}
	return likeliest(open, l)
}

// likeliest chooses by the text.
func likeliest(open []*flight, l chatLine) *flight {
	for _, want := range []likeness{same, alike} {
		for _, f := range open {
			if compare(l.text, f.line.shown) == want {
				return f
			}
		}
	}
	return nil
}

// prove notes that a line was shown that had been given up. Of a message in
// several lines only the last is a proof: the others were not sent after one that
// was given up.
func (r *room) prove(f *flight, l chatLine) {
	r.use(l)
	if f.last {
		r.proofs = append(r.proofs, proof{id: f.id, timeMS: l.timeMS})
	}
}

func (r *room) use(l chatLine) {
	if r.used == nil || len(r.used) >= keepUsed {
		r.used = map[lineKey]bool{}
	}
	r.used[keyOfLine(l)] = true
}

// depart puts a line on its way, and returns false where the visit is over.
func (r *room) depart(f *flight) bool {
	if !r.joined || r.visit != f.visit {
		return false
	}
	r.flown++
	f.number = r.flown
	r.flight = f
	return true
}

// forget ends the look-out for lines that were given up long ago.
func (r *room) forget(now time.Time) {
	r.lost = slices.DeleteFunc(r.lost, func(f *flight) bool { return now.Sub(f.written) > givenUpFor })
}

// giveUp ends the wait for a line. Its echo may still come.
func (r *room) giveUp(f *flight) {
	if r.flight == f {
		r.flight = nil
	}
	if len(r.lost) < keepLost {
		r.lost = append(r.lost, f)
	}
}
