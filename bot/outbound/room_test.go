package outbound

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube"
)

// stage is a room in which a test lets things happen, a second apart.
type stage struct {
	t   *testing.T
	r   room
	now time.Time
	ms  int64
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{t: t, now: time.Unix(1_700_000_000, 0), ms: 1000}
}

func (s *stage) event(name string, arg any) {
	s.t.Helper()
	data, err := json.Marshal(arg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.now = s.now.Add(time.Second)
	s.r.hear(cytube.Frame{Event: name, Args: []json.RawMessage{data}, At: s.now}, s.now)
}

func (s *stage) line(user, text string) int64 {
	s.t.Helper()
	s.ms++
	s.event("chatMsg", map[string]any{"username": user, "msg": text, "meta": map[string]any{}, "time": s.ms})
	return s.ms
}

// join begins a visit whose history holds the given lines of ann's.
func (s *stage) join(visit uint64, history ...string) {
	s.t.Helper()
	s.r.hear(cytube.Connected{At: s.now}, s.now)
	for _, text := range history {
		s.line("ann", text)
	}
	s.event("userlist", []any{})
	s.r.hear(cytube.Joined{At: s.now, Visit: visit, Name: "Rosey"}, s.now)
}

func (s *stage) fly(id int64, text, to string) *flight {
	s.t.Helper()
	f := &flight{
		id: id, line: line{text: text, weight: 1, shown: []string{text}}, recipient: to, last: true, visit: s.r.visit,
		afterMS: s.r.anchor(s.now), written: s.now, landed: make(chan landing, 1),
	}
	if !s.r.depart(f) {
		s.t.Fatal("the line did not leave")
	}
	return f
}

func (s *stage) lands(f *flight, want outcome) {
	s.t.Helper()
	select {
	case l := <-f.landed:
		if l.what != want {
			s.t.Errorf("line %q ended with %d, want %d", f.line.text, l.what, want)
		}
	default:
		if want != 0 {
			s.t.Errorf("line %q did not end, want %d", f.line.text, want)
		}
	}
}

func TestRoom_AnEchoIsTheLineOnItsWay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.join(1)
	f := s.fly(1, "hello", "")
	s.line("ann", "hello") // another's
	s.line("[server]", "hello")
	s.event("pm", map[string]any{"username": "Rosey", "to": "ann", "msg": "hello", "meta": map[string]any{}, "time": 5})
	s.lands(f, 0)
	s.line("rosey", "<b>something</b> else") // filters may change all of it
	s.lands(f, echoed)

	p := s.fly(2, "psst", "Ann")
	s.line("rosey", "psst")
	s.event("pm", map[string]any{"username": "Rosey", "to": "bob", "msg": "psst", "meta": map[string]any{}, "time": 5})
	s.event("pm", map[string]any{"username": "ann", "to": "Rosey", "msg": "psst", "meta": map[string]any{}, "time": 5})
	s.lands(p, 0)
	s.event("pm", map[string]any{"username": "Rosey", "to": "ann", "msg": "psst", "meta": map[string]any{}, "time": 5})
	s.lands(p, echoed)
}

func TestRoom_Refusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		event string
		arg   any
		want  outcome
	}{
		{"noflood", map[string]any{"action": "chat", "msg": "You have been muted on this channel."}, muted},
		{"noflood", map[string]any{"action": "rank", "msg": "whatever"}, 0},
		{"cooldown", 100, flooded},
		{"spamFiltered", map[string]any{"reason": "NEW_USER_CHAT_LINK"}, spam},
		{"errorMsg", map[string]any{"msg": "PM failed: ann isn't connected to this channel."}, absent},
		{"errorMsg", map[string]any{"msg": "PM failed: a b isn't a valid username."}, refused},
		{"errorMsg", map[string]any{"msg": "You can't PM yourself!"}, 0},
		{"errorMsg", map[string]any{"msg": "Unexpected error for message chatMsg: Missing key: string:msg"}, refused},
		{"errorMsg", map[string]any{"msg": "You must be signed in to send PMs"}, refused},
		{"errorMsg", map[string]any{"msg": "Unexpected error for message pm: Missing key: string:to"}, refused},
		{"errorMsg", map[string]any{"msg": "/mute requires a target name"}, 0},
		{"errorMsg", 7, 0},
		{"kick", map[string]any{}, spam},
		{"kick", map[string]any{"reason": ""}, 0},
		{"kick", map[string]any{"reason": "go away"}, 0},
	} {
		s := newStage(t)
		s.join(1)
		to := ""
		if strings.Contains(fmt.Sprint(tt.arg), "PM") || strings.Contains(fmt.Sprint(tt.arg), "pm:") {
			to = "ann"
		}
		f := s.fly(1, "see example.org", to)
		s.event(tt.event, tt.arg)
		s.lands(f, tt.want)
	}
}

// A refusal that may be about a line that was given up is not taken for one about
// the next: that may be shown yet. But it ends the wait for it, and no other one is
// doubted for it.
func TestRoom_RefusalAfterASilence(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.join(1)
	s.r.giveUp(s.fly(1, "one", ""))
	second := s.fly(2, "two", "")
	s.event("cooldown", 100)
	s.lands(second, silence)
	if len(s.r.cooled) != 1 || s.r.cooled[0].pause != 100*time.Millisecond {
		t.Errorf("the pace is told %+v", s.r.cooled)
	}
	if wait := s.r.unsure(s.now, 5*time.Second); wait != 5*time.Second {
		t.Errorf("the next line waits %s", wait)
	}
	if wait := s.r.unsure(s.now.Add(5*time.Second), 5*time.Second); wait != 0 {
		t.Errorf("and then %s", wait)
	}
	third := s.fly(3, "three", "")
	s.line("rosey", "two") // it was about the first
	s.event("noflood", map[string]any{"action": "chat"})
	s.lands(third, muted)
	if len(s.r.proofs) != 1 || s.r.proofs[0].id != 2 {
		t.Errorf("proofs %+v", s.r.proofs)
	}
}

// What the answer to the question is behind is not about a line before it.
func TestRoom_TheQuestionTellsWhoseARefusalIs(t *testing.T) {
	t.Parallel()
	answer := map[string]any{"msg": toOneself}
	mute := map[string]any{"action": "chat"}
	ask := func(s *stage, want bool) {
		t.Helper()
		if name, ok := s.r.ask(s.now); ok != want || ok && name != "Rosey" {
			t.Errorf("asked: %t (%s), want %t", ok, name, want)
		}
	}
	for _, tt := range []struct {
		name string
		do   func(*stage) // after a first line, before the second is refused
		want outcome
	}{
		{"answered while the line is waited for", func(s *stage) {
			ask(s, true)
			ask(s, false)
			s.event("errorMsg", answer)
			ask(s, true)
			s.event("errorMsg", answer)
			s.r.giveUp(s.r.flight)
			ask(s, false)
		}, muted},
		{"answered later", func(s *stage) {
			s.r.giveUp(s.r.flight)
			ask(s, true)
			s.event("errorMsg", answer)
			ask(s, true)
			s.event("errorMsg", answer)
		}, muted},
		{"answered once", func(s *stage) {
			s.r.giveUp(s.r.flight)
			ask(s, true)
			s.event("errorMsg", answer)
			ask(s, true)
		}, silence},
		{"the line is refused late", func(s *stage) {
			s.r.giveUp(s.r.flight)
			s.event("noflood", mute)
			ask(s, false)
		}, muted},
		{"a later line is shown", func(s *stage) {
			s.r.giveUp(s.r.flight)
			s.fly(2, "between", "")
			s.line("rosey", "between")
			ask(s, false)
		}, muted},
		{"nobody asked", func(s *stage) { s.r.giveUp(s.r.flight) }, silence},
		{"an answer to nothing", func(s *stage) {
			s.event("errorMsg", answer)
			s.r.giveUp(s.r.flight)
			s.event("errorMsg", answer)
		}, silence},
		{"of another visit", func(s *stage) { s.r.giveUp(s.r.flight); s.join(2) }, muted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.join(1)
			s.fly(1, "one", "")
			tt.do(s)
			f := s.fly(9, "two", "")
			s.event("noflood", mute)
			s.lands(f, tt.want)
		})
	}
}

// A refusal that can only be about chat is not one of a private message, nor the
// other way round.
func TestRoom_RefusalsFitALine(t *testing.T) {
	t.Parallel()
	mute, absence := map[string]any{"action": "chat"}, map[string]any{"msg": "PM failed: ann isn't connected to this channel."}
	for _, private := range []bool{true, false} {
		to, other, its, name, otherName, what := "", "ann", mute, "noflood", "errorMsg", muted
		others := absence
		if private {
			to, other, its, name, otherName, what, others = "ann", "", absence, "errorMsg", "noflood", absent, mute
		}
		s := newStage(t)
		s.join(1)
		s.r.giveUp(s.fly(1, "one", other))
		f := s.fly(2, "two", to)
		s.event(otherName, others)
		s.lands(f, 0)
		s.event(name, its)
		s.lands(f, what)
	}
}

// Echoes that come late belong to the lines that were given up, by their text.
func TestRoom_LateEchoes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.join(1)
	first := s.fly(1, "one", "")
	s.r.giveUp(first)
	second := s.fly(2, "two", "")
	s.line("rosey", "neither") // it may be either: it proves nothing
	s.lands(second, 0)
	ms := s.line("rosey", "one")
	s.lands(second, 0)
	s.line("rosey", "two")
	s.lands(second, echoed)
	if len(s.r.proofs) != 1 || s.r.proofs[0] != (proof{1, ms}) {
		t.Errorf("proofs %+v", s.r.proofs)
	}
}

// A line that was given up is recognised in the history of the next visit, and one
// in the middle of a message is no proof of all of it.
func TestRoom_ProofInALaterHistory(t *testing.T) {
	t.Parallel()
	for _, last := range []bool{true, false} {
		s := newStage(t)
		s.join(1, "anchor")
		f := s.fly(1, "one", "")
		f.last = last
		s.r.giveUp(f)
		s.r.hear(cytube.Disconnected{At: s.now}, s.now)
		s.r.hear(cytube.Connected{At: s.now}, s.now)
		s.ms = 1000
		s.line("ann", "anchor")
		s.line("rosey", "one")
		s.event("userlist", []any{})
		s.r.hear(cytube.Joined{At: s.now, Visit: 2, Name: "Rosey"}, s.now)
		if got := len(s.r.proofs) == 1; got != last {
			t.Errorf("last=%t: proofs %+v", last, s.r.proofs)
		}
	}
}

func TestRoom_ALineIsLostWithItsVisit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.join(1)
	f := s.fly(1, "one", "")
	s.r.hear(cytube.Disconnected{At: s.now}, s.now)
	s.lands(f, gone)
	if s.r.depart(&flight{visit: 1}) {
		t.Error("a line left in a visit that is over")
	}
	// Even where the end of the visit was not heard.
	s.join(2)
	f = s.fly(2, "two", "")
	s.join(3)
	s.lands(f, gone)
}

// The anchor is a line of the history that comes before all that is written now:
// not one of the same moment, nor one that no history will hold.
func TestRoom_Anchor(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if got := s.r.anchor(s.now); got != 0 {
		t.Errorf("before anything: %d", got)
	}
	s.join(1, "old", "older")
	want := s.ms
	s.line("[server]", "notice")
	s.ms++
	s.event("chatMsg", map[string]any{"username": "bob", "msg": "x", "meta": map[string]any{"shadow": true}, "time": s.ms})
	if got := s.r.anchor(s.now.Add(time.Second)); got != want {
		t.Errorf("anchor %d, want %d", got, want)
	}
	s.line("ann", "new")
	if got := s.r.anchor(s.now.Add(time.Millisecond)); got != want {
		t.Errorf("in the same moment %d, want %d", got, want)
	}
	if got := s.r.anchor(s.now.Add(apart)); got != s.ms {
		t.Errorf("afterwards %d, want %d", got, s.ms)
	}
	own := s.line("rosey", "ours")
	if got := s.r.anchor(s.now); got != own {
		t.Errorf("after a line of ours %d, want %d", got, own)
	}
	s.event("clearchat", map[string]any{"clearedBy": "ann"})
	if got := s.r.anchor(s.now.Add(time.Minute)); got != 0 {
		t.Errorf("after a clear %d", got)
	}
}

// A server that comes back with an older state of the channel is found out.
func TestRoom_OlderState(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.join(1, "one")
	s.line("ann", "two")
	s.ms = 1000
	s.join(2, "one")
	if !s.r.visited[1].older || s.r.visited[0].older {
		t.Errorf("older: %t, %t", s.r.visited[0].older, s.r.visited[1].older)
	}
	s.ms = 1000
	s.join(3, "one", "two")
	if s.r.visited[2].older {
		t.Error("a history that goes on is not older")
	}
}

func TestRoom_WhatDecidesOverALine(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	site := Rate{Burst: 20, Sustained: 10}
	s.r.hear(cytube.Connected{At: s.now}, s.now)
	s.event("rank", -1)
	s.event("rank", 1)
	s.event("login", map[string]any{"success": true, "name": "Rosey"})
	s.event("setPermissions", map[string]any{"chat": 1.5, "drink": 3})
	s.event("channelOpts", map[string]any{"chat_antiflood": true, "chat_antiflood_params": map[string]any{"burst": 4, "sustained": 0.5, "cooldown": 8}})
	s.event("userlist", []any{map[string]any{"name": "rosey", "meta": map[string]any{"smuted": true}}})
	s.r.hear(cytube.Joined{At: s.now, Visit: 1, Name: "Rosey"}, s.now)
	if s.r.rankKnown(s.now) || !s.r.rankKnown(s.now.Add(rankGrace)) {
		t.Error("the rank on the site is not that in the channel")
	}
	if got, want := s.r.self, (speaker{name: "Rosey", rank: 1, chatRank: 1.5, drinkRank: 3, shadow: true}); got != want {
		t.Errorf("speaker %+v, want %+v", got, want)
	}
	if got, want := s.r.rate(site), (Rate{Burst: 4, Sustained: 0.5, Cooldown: 8 * time.Second}); got != want {
		t.Errorf("rate %+v, want %+v", got, want)
	}
	s.event("setUserRank", map[string]any{"name": "ann", "rank": 3})
	s.event("setUserRank", map[string]any{"name": "ROSEY", "rank": 2})
	if !s.r.rankKnown(s.now) || s.r.self.rank != 2 || s.r.rate(site) != site {
		t.Errorf("rank %v known %t rate %+v", s.r.self.rank, s.r.rankKnown(s.now), s.r.rate(site))
	}
	s.event("setUserMeta", map[string]any{"name": "Rosey", "meta": map[string]any{"smuted": false}})
	if s.r.self.shadow {
		t.Error("the shadow mute is over")
	}
	s.event("channelOpts", map[string]any{"chat_antiflood": false})
	s.event("rank", 1)
	if s.r.rate(site) != site {
		t.Error("the channel's limit is off")
	}
}

// Whatever the server sends, the room survives it.
func FuzzRoom(f *testing.F) {
	for _, event := range []string{
		"chatMsg", "pm", "clearchat", "rank", "setUserRank", "login", "userlist", "addUser", "setUserMeta", "setPermissions",
		"channelOpts", "kick", "noflood", "cooldown", "spamFiltered", "errorMsg", "else",
	} {
		f.Add(event, []byte(`{"username":"Rosey","msg":"hello","meta":{"shadow":1},"time":1e99}`))
		f.Add(event, []byte(`[{"name":"Rosey","meta":null}]`))
		f.Add(event, []byte(`{"username":"Rosey","msg":"hello","time":5,"reason":null,"chat_antiflood":true,"chat_antiflood_params":{"burst":1e300,"sustained":1e-300}}`))
		f.Add(event, []byte(`-1e400`))
	}
	f.Fuzz(func(t *testing.T, event string, data []byte) {
		s := &stage{t: t, now: time.Unix(1_700_000_000, 0)}
		s.join(1, "anchor")
		f := s.fly(1, "hello", "")
		for range 2 {
			s.r.hear(cytube.Frame{Event: event, Args: []json.RawMessage{data}, At: s.now}, s.now)
			s.r.hear(cytube.Frame{Event: event, At: s.now}, s.now)
		}
		rate := s.r.rate(Rate{Burst: 20, Sustained: 10})
		var p pace
		p.counted(s.now, s.now, rate, 1)
		if wait := p.wait(s.now, rate, 1); wait < 0 || wait > 2*never {
			t.Errorf("rate %+v: wait %s", rate, wait)
		}
		s.join(2)
		if len(f.landed) == 0 {
			t.Error("the line did not end with its visit")
		}
	})
}
