package cytubetest

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// wireClient is a bare connection to a Channel.
type wireClient struct {
	t    *testing.T
	conn *websocket.Conn
}

func dialWire(t *testing.T, c *Channel) *wireClient {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.URL(), "http")+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w := &wireClient{t, conn}
	w.send("40")
	return w
}

func (w *wireClient) send(frame string) {
	w.t.Helper()
	if err := w.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		w.t.Fatal(err)
	}
}

// next is the next frame.
func (w *wireClient) next() string {
	w.t.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	_, frame, err := w.conn.ReadMessage()
	if err != nil {
		w.t.Fatal(err)
	}
	return string(frame)
}

// until reads up to the event and returns the frames before it.
func (w *wireClient) until(event string) []string {
	w.t.Helper()
	var before []string
	for {
		frame := w.next()
		if eventName(frame) == event {
			return before
		}
		before = append(before, frame)
	}
}

// answer reduces a frame to what an answer to a line says, without its time, and
// to "" if it is no answer to a line of rosey's.
func answer(t *testing.T, frame string) string {
	t.Helper()
	name, args, ok := parseEvent(frame)
	if !ok || len(args) == 0 {
		return ""
	}
	switch name {
	case "chatMsg", "pm":
		var line map[string]any
		if err := json.Unmarshal(args[0], &line); err != nil {
			t.Fatal(err)
		}
		if line["username"] != "rosey" {
			return ""
		}
		delete(line, "time")
		return eventFrame(name, line)
	case "errorMsg":
		text := string(args[0])
		if about := strings.Contains(text, "Unexpected error for message"); about &&
			!strings.Contains(text, "message chatMsg:") && !strings.Contains(text, "message pm:") {
			return "" // the fake channel knows no such request
		}
		return frame
	case "cooldown", "noflood", "spamFiltered":
		return frame
	}
	return ""
}

// A Channel answers each line and private message of a recorded bot as the real
// server did, at the moments of the recording.
func TestChannel_AnswersAsTheRealServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario string
		rank     float64 // of the bot
		answers  int     // at least so many
		before   string  // the line at which to stop: there are commands that the fake channel takes and does not carry out
		// unseen is what happened to the bot without its being told, by the line that
		// came next.
		unseen map[string]func(*Channel) error
	}{
		{"flood", 3, 80, "", nil},
		{"private-messages", 3, 30, "", nil},
		{"moderation", 3, 8, "/ban", nil},
		{"low-rank", 1, 4, "", map[string]func(*Channel) error{
			"talking to myself": func(c *Channel) error { return c.Mute("rosey", true) },
		}},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			rec, err := LoadRecording(filepath.Join("..", "testdata", "wire", tt.scenario+".ndjson"))
			if err != nil {
				t.Fatal(err)
			}
			var now atomic.Int64
			c, err := NewChannel(ChannelConfig{
				Name: rec.Channel, Ranks: map[string]float64{"rosey": tt.rank}, FloodClock: func() int64 { return now.Load() + 1 },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetFilter(DefaultFilters)

			w := dialWire(t, c)
			w.send(eventFrame("login", map[string]string{"name": "rosey", "pw": "x"}))
			w.send(eventFrame("joinChannel", map[string]string{"name": rec.Channel}))
			w.until("listPlaylists")

			var want []string
			sent, known := len(c.Received()), false
			for _, step := range rec.Connections[0].Steps {
				if !step.Out {
					if strings.Contains(step.Frame, `"setUserRank",{"name":"rosey"`) {
						known = true // the bot's rank is as configured from here on
					}
					if known {
						reenact(t, c, step.Frame)
					}
					if a := answer(t, step.Frame); a != "" {
						want = append(want, a)
					}
					continue
				}
				event, args, ok := parseEvent(step.Frame)
				if !ok || event == "login" || event == "joinChannel" {
					continue
				}
				var line struct{ Msg any }
				if len(args) > 0 {
					_ = json.Unmarshal(args[0], &line) // some are malformed on purpose
				}
				text, _ := line.Msg.(string)
				if tt.before != "" && strings.HasPrefix(text, tt.before) {
					break
				}
				if happen := tt.unseen[text]; happen != nil {
					if err := happen(c); err != nil {
						t.Fatal(err)
					}
				}
				now.Store(step.TMS)
				w.send(step.Frame)
				sent++
				for end := time.Now().Add(time.Minute); len(c.Received()) < sent; time.Sleep(100 * time.Microsecond) {
					if time.Now().After(end) {
						t.Fatalf("frame %d never reached the site: %s", sent, step.Frame)
					}
				}
			}
			c.Event("the end")
			var got []string
			for _, frame := range w.until("the end") {
				if a := answer(t, frame); a != "" {
					got = append(got, a)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("answers\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if len(want) < tt.answers {
				t.Errorf("the recording has %d answers, want %d or more", len(want), tt.answers)
			}
		})
	}
}

// reenact does on the channel what a frame tells of others.
func reenact(t *testing.T, c *Channel, frame string) {
	t.Helper()
	event, args, ok := parseEvent(frame)
	if !ok || len(args) == 0 {
		return
	}
	var who struct {
		Name string
		Rank float64
		Meta struct{ Muted, Smuted bool }
	}
	var options struct {
		Antiflood bool `json:"chat_antiflood"`
		Params    struct {
			Burst     int
			Sustained float64
		} `json:"chat_antiflood_params"`
		Chat  int `json:"new_user_chat_delay"`
		Links int `json:"new_user_chat_link_delay"`
	}
	read := func(into any) {
		if err := json.Unmarshal(args[0], into); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	switch event {
	case "addUser":
		if read(&who); who.Name != "rosey" && !slices.Contains(c.Users(), who.Name) {
			err = c.JoinAs(who.Name, who.Rank)
		}
	case "userLeave":
		read(&who)
		_ = c.Leave(who.Name) // may have been kicked by the bot
	case "setUserRank":
		if read(&who); slices.Contains(c.Users(), who.Name) {
			err = c.SetRank(who.Name, who.Rank)
		}
	case "setUserMeta":
		switch read(&who); {
		case !slices.Contains(c.Users(), who.Name):
		case who.Meta.Muted || who.Meta.Smuted:
			err = c.Mute(who.Name, who.Meta.Smuted)
		default:
			err = c.Unmute(who.Name)
		}
	case "channelOpts":
		read(&options)
		burst := options.Params.Burst
		if !options.Antiflood {
			burst = 0
		}
		c.SetAntiflood(burst, options.Params.Sustained)
		c.SetNewUserDelays(time.Duration(options.Chat)*time.Second, time.Duration(options.Links)*time.Second)
	case "setPermissions":
		ranks := make(map[string]float64)
		read(&ranks)
		for name, rank := range ranks {
			c.SetPermission(name, rank)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
