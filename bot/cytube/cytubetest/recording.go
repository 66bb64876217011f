package cytubetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Recording is the traffic of one scenario, as one client saw it.
type Recording struct {
	Scenario    string
	Channel     string
	User        string
	Connections []Connection
}

// Connection is one WebSocket connection of a Recording.
type Connection struct {
	Steps []Step
	// CloseCode is how it ended: 1005 or 1000 for an orderly end, 1006 for a cut.
	CloseCode int
	// Failed says that the connection could not be opened at all.
	Failed bool
}

// Step is one text frame. Out frames went from the client to the server.
type Step struct {
	TMS   int64
	Out   bool
	Frame string
}

// line is one line of a recording's file.
type line struct {
	Meta *struct {
		Scenario string `json:"scenario"`
		Channel  string `json:"channel"`
		User     string `json:"user"`
	} `json:"meta"`
	TMS   int64  `json:"t_ms"`
	Dir   string `json:"dir"`
	Frame string `json:"frame"`
	Code  int    `json:"code"`
}

// LoadRecording reads the recording in the file at path.
func LoadRecording(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load recording: %w", err)
	}
	defer func() { _ = f.Close() }()
	rec, err := ReadRecording(f)
	if err != nil {
		return nil, fmt.Errorf("load recording %s: %w", path, err)
	}
	return rec, nil
}

// ReadRecording reads a recording: one JSON object a line.
func ReadRecording(r io.Reader) (*Recording, error) {
	rec := &Recording{}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 64<<20)
	for n := 1; scanner.Scan(); n++ {
		if strings.TrimSpace(scanner.Text()) == "" {
			continue
		}
		var l line
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := rec.add(l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return rec, scanner.Err()
}

func (rec *Recording) add(l line) error {
	if l.Meta != nil {
		rec.Scenario, rec.Channel, rec.User = l.Meta.Scenario, l.Meta.Channel, l.Meta.User
		return nil
	}
	if l.Dir == "http" {
		return nil
	}
	if l.Dir == "open" {
		rec.Connections = append(rec.Connections, Connection{CloseCode: 1005})
		return nil
	}
	if len(rec.Connections) == 0 {
		return fmt.Errorf("%q before the first connection", l.Dir)
	}
	c := &rec.Connections[len(rec.Connections)-1]
	switch l.Dir {
	case "in", "out":
		c.Steps = append(c.Steps, Step{TMS: l.TMS, Out: l.Dir == "out", Frame: l.Frame})
	case "close":
		c.CloseCode = l.Code
	case "error":
		c.Failed = true
	default:
		return fmt.Errorf("unknown direction %q", l.Dir)
	}
	return nil
}
