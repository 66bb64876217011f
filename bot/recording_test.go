package bot

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube"
)

// recordings are the files of real traffic that hold frames.
func recordings(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("cytube/testdata/wire/*.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".ndjson"); name != "socketconfig" {
			names = append(names, name)
		}
	}
	if len(names) < 19 {
		t.Fatalf("found %d recordings, want 19", len(names))
	}
	return names
}

// readRecording turns a recording into the items a client would have given. A
// session joins once it has the user list and, in recordings where the bot has
// a name, its login.
func readRecording(t testing.TB, name string) []cytube.Item {
	t.Helper()
	file, err := os.Open(filepath.Join("cytube/testdata/wire", name+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	var (
		items []cytube.Item
		start time.Time
		s     recordedSession
	)
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			Meta *struct {
				RecordedAt time.Time `json:"recorded_at"`
			} `json:"meta"`
			TMS   int64  `json:"t_ms"`
			Dir   string `json:"dir"`
			Frame string `json:"frame"`
			URL   string `json:"url"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Meta != nil {
			start = line.Meta.RecordedAt
			continue
		}
		at := start.Add(time.Duration(line.TMS) * time.Millisecond)
		switch line.Dir {
		case "open":
			items = s.end(items, at)
			s = recordedSession{url: line.URL}
		case "in":
			items = s.read(t, items, line.Frame, at)
		case "close", "error":
			items = s.end(items, at)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return s.end(items, s.last)
}

type recordedSession struct {
	url                             string
	connected, listed, in, complete bool
	guest                           bool
	name                            string
	last                            time.Time
	kicked                          bool
	kickReason                      string
}

func (s *recordedSession) read(t testing.TB, items []cytube.Item, text string, at time.Time) []cytube.Item {
	t.Helper()
	s.last = at
	switch {
	case strings.HasPrefix(text, "40{"):
		s.connected = true
		return append(items, cytube.Connected{At: at, Server: s.url})
	case !strings.HasPrefix(text, "42["):
		return items
	}
	f := parseFrame(t, text[2:], at)
	items = append(items, f)
	switch f.Event {
	case "userlist":
		s.listed = true
	case "login":
		var login struct {
			Success, Guest bool
			Name           string
		}
		if json.Unmarshal(f.Args[0], &login) == nil && login.Success {
			s.in, s.name, s.guest = true, login.Name, login.Guest
		}
	case "kick":
		var kick struct{ Reason string }
		s.kicked = true
		if json.Unmarshal(f.Args[0], &kick) == nil {
			s.kickReason = kick.Reason
		}
	}
	if s.listed && s.in && !s.complete {
		s.complete = true
		items = append(items, cytube.Joined{At: at, Name: s.name, Guest: s.guest})
	}
	return items
}

func (s *recordedSession) end(items []cytube.Item, at time.Time) []cytube.Item {
	if !s.connected {
		return items
	}
	s.connected = false
	d := cytube.Disconnected{At: at, Reason: cytube.ReasonConnectionLost, LastFrame: s.last, Kicked: s.kicked, KickReason: s.kickReason}
	if s.kicked {
		d.Reason, d.Detail = cytube.ReasonKicked, s.kickReason
	}
	return append(items, d)
}

func parseFrame(t testing.TB, array string, at time.Time) cytube.Frame {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(array), &all); err != nil {
		t.Fatal(err)
	}
	var event string
	if err := json.Unmarshal(all[0], &event); err != nil {
		t.Fatal(err)
	}
	return cytube.Frame{Event: event, Args: all[1:], At: at}
}
