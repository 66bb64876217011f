package cytubetest_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rosey/bot/cytube/cytubetest"

	"github.com/gorilla/websocket"
)

func wire(name string) string { return filepath.Join("..", "testdata", "wire", name+".ndjson") }

func newPlayer(t *testing.T, lines string, cfg cytubetest.PlayerConfig) *cytubetest.Player {
	t.Helper()
	rec, err := cytubetest.ReadRecording(strings.NewReader(lines))
	must(t, err)
	p, err := cytubetest.NewPlayer(rec, cfg)
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

// dial opens a bare WebSocket to a player.
func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket", nil)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

const small = `{"meta":{"scenario":"small","channel":"demo","user":"rosey"}}
{"t_ms":0,"dir":"open","frame":""}
{"t_ms":0,"dir":"in","frame":"0{}"}
{"t_ms":0,"dir":"out","frame":"40"}
{"t_ms":1,"dir":"in","frame":"40{}"}
{"t_ms":1,"dir":"out","frame":"42[\"login\",{\"name\":\"rosey\",\"pw\":\"REDACTED\"}]"}
{"t_ms":2,"dir":"in","frame":"42[\"login\",{\"success\":true,\"name\":\"rosey\"}]"}
{"t_ms":3,"dir":"out","frame":"42[\"joinChannel\",{\"name\":\"demo\"}]"}
{"t_ms":4,"dir":"in","frame":"42[\"userlist\",[]]"}
{"t_ms":5,"dir":"out","frame":"42[\"chatMsg\",{\"msg\":\"hi\",\"meta\":{}}]"}
{"t_ms":6,"dir":"in","frame":"42[\"chatMsg\",{\"username\":\"rosey\",\"msg\":\"hi\"}]"}
{"t_ms":7,"dir":"close","frame":"","code":1005}
`

func TestPlayer_StrictTakesTheRecordedFramesAlone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, last string
		wantErr    string
	}{
		{"as recorded", `42["chatMsg",{"meta":{},"msg":"hi"}]`, ""},
		{"another text", `42["chatMsg",{"meta":{},"msg":"ho"}]`, "want 42[\"chatMsg\""},
		{"nothing", "", "client left instead of sending"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlayer(t, small, cytubetest.PlayerConfig{Mode: cytubetest.Strict})
			conn := dial(t, p.URL())
			for _, frame := range []string{"40", `42["login",{"pw":"secret","name":"rosey"}]`, `42["joinChannel",{"name":"demo"}]`, tt.last} {
				if frame != "" {
					must(t, conn.WriteMessage(websocket.TextMessage, []byte(frame)))
				}
			}
			if tt.last == "" {
				_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
			}
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					break
				}
			}
			<-p.Done()
			err := errors.Join(p.Errors()...)
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Errorf("errors: %v, want %q", err, tt.wantErr)
			}
		})
	}
}

func TestPlayer_LenientReportsWhatNoClientMaySend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		frames   []string
		patience time.Duration // default: as long as that takes
		wantErr  string
	}{
		{"event before the namespace", []string{`42["login",{"name":"rosey"}]`}, 0, "before it asked for the namespace"},
		{"no packet", []string{"40", "hello"}, 0, "that is no event"},
		{"another channel", []string{"40", `42["joinChannel",{"name":"other"}]`}, 0, "joins something else"},
		{"nothing at all", nil, 100 * time.Millisecond, "did not send what was due"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlayer(t, small, cytubetest.PlayerConfig{Patience: tt.patience})
			conn := dial(t, p.URL())
			for _, frame := range tt.frames {
				must(t, conn.WriteMessage(websocket.TextMessage, []byte(frame)))
			}
			<-p.Done()
			if err := errors.Join(p.Errors()...); err == nil || !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("errors: %v, want %q", err, tt.wantErr)
			}
		})
	}
}

func TestPlayer_ScaleKeepsTheRecordedTimes(t *testing.T) {
	t.Parallel()
	slow := strings.Replace(small, `"t_ms":4`, `"t_ms":300`, 1)
	p := newPlayer(t, slow, cytubetest.PlayerConfig{Scale: 0.5})
	begin := time.Now()
	conn := dial(t, p.URL())
	for _, frame := range []string{"40", `42["login",{"name":"rosey"}]`, `42["joinChannel",{"name":"demo"}]`} {
		must(t, conn.WriteMessage(websocket.TextMessage, []byte(frame)))
	}
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	<-p.Done()
	if took := time.Since(begin); took < 140*time.Millisecond {
		t.Errorf("300 ms at half the time took %s", took)
	}
	if got, want := len(p.Sent()), 5; got != want {
		t.Errorf("%d frames were sent, want %d", got, want)
	}
	if got, want := p.Received(), []string{"40", `42["login",{"name":"rosey"}]`, `42["joinChannel",{"name":"demo"}]`}; !slices.Equal(got, want) {
		t.Errorf("received %q, want %q", got, want)
	}
}

func TestPlayer_AfterTheLastConnection(t *testing.T) {
	t.Parallel()
	for _, replay := range []bool{false, true} {
		p := newPlayer(t, small, cytubetest.PlayerConfig{ReplayLast: replay})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			conn, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(p.URL(), "http", "ws", 1)+"/socket.io/", nil)
			cancel()
			if err != nil {
				break
			}
			for _, frame := range []string{"40", `42["login",{"name":"rosey"}]`, `42["joinChannel",{"name":"demo"}]`} {
				must(t, conn.WriteMessage(websocket.TextMessage, []byte(frame)))
			}
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					break
				}
			}
			_ = conn.Close()
			<-p.Done()
		}
		want := 5
		if replay {
			want = 10
		}
		eventually(t, "frames sent", func() bool { return len(p.Sent()) == want })
	}
}

func TestReadRecording_RejectsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for _, lines := range []string{"{", `{"dir":"in","frame":"2"}`, `{"dir":"open"}` + "\n" + `{"dir":"sideways"}`} {
		if _, err := cytubetest.ReadRecording(strings.NewReader(lines)); err == nil {
			t.Errorf("%q was accepted", lines)
		}
	}
	if _, err := cytubetest.LoadRecording(wire("nothing")); err == nil {
		t.Error("a missing file was accepted")
	}
}
