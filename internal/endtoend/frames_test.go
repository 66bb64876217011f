package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// seen is what a channel's tables have to hold after the given frames, counted
// frame by frame from the description of the protocol.
type seen struct {
	Lines        map[string]int // by lower-case name
	Said         []string       // name, time and plain text of each line
	Joins        map[string]int // by lower-case name
	MaxUsers     int
	MaxConnected int
	Polls        map[string]string // counts as last told, by time and initiator
	Media        []string          // type and id of each start

	// Events are the frames themselves, each with its number of appearances.
	Events map[string]int
	// Connections is how many got as far as the namespace.
	Connections int

	t       *testing.T
	said    map[string]bool
	roster  map[string]bool
	burst   bool   // the state that a join brings has not ended yet
	inBurst bool   // it brought an item that plays
	playing string // what plays, as far as was told
}

func newSeen(t *testing.T) *seen {
	return &seen{
		t: t, Lines: map[string]int{}, Joins: map[string]int{}, Polls: map[string]string{}, Events: map[string]int{},
		said: map[string]bool{},
	}
}

// watch counts frames as a player sent them.
func (s *seen) watch(frames []string) {
	for _, f := range frames {
		switch {
		case strings.HasPrefix(f, "40"):
			s.Connections++
			s.roster, s.burst, s.inBurst = map[string]bool{}, true, false
		case strings.HasPrefix(f, "42["):
			var all []json.RawMessage
			var event string
			if err := errorsOf(json.Unmarshal([]byte(f[2:]), &all), func() error { return json.Unmarshal(all[0], &event) }); err != nil {
				s.t.Fatalf("frame %s: %v", f, err)
			}
			s.Events[canonical(s.t, event, all[1:])]++
			arg := json.RawMessage("null")
			if len(all) > 1 {
				arg = all[1]
			}
			s.event(event, arg)
		}
	}
	slices.Sort(s.Said)
}

func errorsOf(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

type frameArg struct {
	Name, Username, Msg string
	Time                json.Number
	Timestamp           json.Number
	Initiator           string
	Counts              json.RawMessage
	Type, ID            string
}

func (s *seen) event(event string, raw json.RawMessage) {
	var arg frameArg
	if bytes.HasPrefix(raw, []byte("{")) {
		_ = json.Unmarshal(raw, &arg) // fields of other types than those asked for are not needed
	}
	name := strings.ToLower(arg.Name)
	switch event {
	case "userlist":
		var users []frameArg
		if err := json.Unmarshal(raw, &users); err != nil {
			s.t.Fatal(err)
		}
		s.roster = map[string]bool{}
		for _, u := range users {
			s.roster[strings.ToLower(u.Name)] = true
		}
		if s.burst && !s.inBurst {
			s.playing = "" // it would have been told
		}
		s.burst = false
	case "addUser":
		s.Joins[name]++
		s.roster[name] = true
	case "userLeave":
		delete(s.roster, name)
	case "usercount":
		var n int
		if err := json.Unmarshal(raw, &n); err != nil {
			s.t.Fatal(err)
		}
		s.MaxConnected = max(s.MaxConnected, n)
	case "chatMsg":
		s.line(arg)
	case "newPoll", "updatePoll":
		s.Polls[fmt.Sprintf("%s %s", arg.Timestamp, strings.ToLower(arg.Initiator))] = compact(arg.Counts)
	case "changeMedia":
		s.media(arg)
	case "playlist":
		if string(raw) == "[]" {
			s.playing = ""
		}
	}
	s.MaxUsers = max(s.MaxUsers, len(s.roster))
}

var tags = regexp.MustCompile(`<[^>]*>`)

func (s *seen) line(arg frameArg) {
	if strings.HasPrefix(arg.Username, "[") {
		return // a notice; no user can be called that
	}
	said := fmt.Sprintf("%s %s %q", strings.ToLower(arg.Username), arg.Time, html.UnescapeString(tags.ReplaceAllString(arg.Msg, "")))
	if s.said[said] {
		return
	}
	s.said[said] = true
	s.Said = append(s.Said, said)
	s.Lines[strings.ToLower(arg.Username)]++
}

// media counts a start. An item that a join brings began earlier: it counts only
// when it is not the one that played when the line broke.
func (s *seen) media(arg frameArg) {
	item := arg.Type + " " + arg.ID
	if s.burst {
		s.inBurst = true
		if s.playing == item {
			return
		}
	}
	s.playing = item
	s.Media = append(s.Media, item)
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// canonical is one frame in a form in which a frame and what was stored of it
// are equal: keys sorted, and what must not be stored taken out on both sides.
func canonical(t *testing.T, event string, args []json.RawMessage) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(event)
	for _, arg := range args {
		dec := json.NewDecoder(bytes.NewReader(arg))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: argument %s: %v", event, arg, err)
		}
		out, err := json.Marshal(withoutSecrets(event, v))
		if err != nil {
			t.Fatal(err)
		}
		b.WriteByte(' ')
		b.Write(out)
	}
	return b.String()
}

func withoutSecrets(event string, v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = withoutSecrets(event, v[i])
		}
	case map[string]any:
		notice := event == "chatMsg" && strings.HasPrefix(fmt.Sprint(v["username"]), "[")
		for k := range v {
			switch {
			case k == "ip", k == "aliases", k == "password", k == "pw",
				event == "readChanLog" && strings.HasPrefix(k, "data"),
				k == "msg" && (notice || event == "errorMsg" || event == "costanza"):
				delete(v, k)
			default:
				v[k] = withoutSecrets(event, v[k])
			}
		}
	}
	return v
}
