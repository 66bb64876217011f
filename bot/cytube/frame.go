package cytube

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// packetKind tells apart the packets of Engine.IO 4 and, inside its messages, of
// Socket.IO.
type packetKind uint8

const (
	packetOpen packetKind = iota + 1 // 0{...}
	packetClose
	packetPing
	packetPong
	packetNoop         // 6: transport upgrade only
	packetConnect      // 40
	packetDisconnect   // 41
	packetEvent        // 42
	packetAck          // 43
	packetConnectError // 44
)

// packet is one parsed text frame.
type packet struct {
	kind      packetKind
	namespace string            // empty for the default namespace
	event     string            // packetEvent
	args      []json.RawMessage // packetEvent, packetAck
	data      json.RawMessage   // packetOpen, packetConnect, packetConnectError
}

// maxDepth bounds how deeply an event may be nested. Readers of JSON stop at
// 10,000; what passes here must still be readable once it is wrapped for storing.
const maxDepth = 9_900

var (
	errNoPacket   = errors.New("not a packet")
	errBrokenJSON = errors.New("broken JSON") // only ever within errNoPacket
)

// parsePacket reads one text frame. It keeps no reference to frame. Its errors
// never quote the frame, which may hold private text. The packet returned with
// an error has at most a kind: what the frame began as.
func parsePacket(frame []byte) (packet, error) {
	if len(frame) == 0 {
		return packet{}, fmt.Errorf("%w: empty frame", errNoPacket)
	}
	if !utf8.Valid(frame) {
		// The text of a chat line is worth more than its broken byte.
		frame = bytes.ToValidUTF8(frame, []byte("\uFFFD"))
	}
	body := frame[1:]
	switch frame[0] {
	case '0':
		data, err := optionalJSON(body)
		return packet{kind: packetOpen, data: data}, err
	case '1':
		return packet{kind: packetClose}, nil
	case '2':
		return packet{kind: packetPing}, nil
	case '3':
		return packet{kind: packetPong}, nil
	case '4':
		return parseMessage(body)
	case '6':
		return packet{kind: packetNoop}, nil
	default:
		return packet{}, fmt.Errorf("%w: unknown type %q", errNoPacket, frame[0])
	}
}

// parseMessage reads a Socket.IO packet: type, namespace, acknowledgement id,
// JSON. Each of the last three may be absent.
func parseMessage(body []byte) (packet, error) {
	if len(body) == 0 {
		return packet{}, fmt.Errorf("%w: empty message", errNoPacket)
	}
	var p packet
	kind, rest := body[0], body[1:]
	p.namespace, rest = cutNamespace(rest)
	rest, hasID := cutDigits(rest)

	var err error
	switch kind {
	case '0':
		p.kind = packetConnect
		p.data, err = optionalJSON(rest)
	case '1':
		p.kind = packetDisconnect
	case '2':
		p.kind = packetEvent
		p.event, p.args, err = parseEvent(rest)
	case '3':
		p.kind = packetAck
		if !hasID {
			return packet{kind: p.kind}, fmt.Errorf("%w: acknowledgement without a number", errNoPacket)
		}
		p.args, err = parseArray(rest)
	case '4':
		p.kind = packetConnectError
		p.data, err = optionalJSON(rest)
	default:
		return packet{}, fmt.Errorf("%w: unknown message type %q", errNoPacket, kind)
	}
	if err != nil {
		return packet{kind: p.kind}, err
	}
	return p, nil
}

func cutNamespace(b []byte) (namespace string, rest []byte) {
	if len(b) == 0 || b[0] != '/' {
		return "", b
	}
	name, rest, _ := bytes.Cut(b, []byte{','})
	if string(name) == "/" {
		return "", rest
	}
	return string(name), rest
}

func cutDigits(b []byte) (rest []byte, some bool) {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return b[n:], n > 0
}

func parseEvent(b []byte) (name string, args []json.RawMessage, err error) {
	all, err := parseArray(b)
	if err != nil {
		return "", nil, err
	}
	if len(all) == 0 || len(all[0]) == 0 || all[0][0] != '"' {
		return "", nil, fmt.Errorf("%w: event without a name", errNoPacket)
	}
	if err := json.Unmarshal(all[0], &name); err != nil {
		return "", nil, fmt.Errorf("%w: event name: %w", errNoPacket, err)
	}
	return name, all[1:], nil
}

func parseArray(b []byte) ([]json.RawMessage, error) {
	if len(b) == 0 || b[0] != '[' {
		return nil, fmt.Errorf("%w: no array", errNoPacket)
	}
	if tooDeep(b) {
		return nil, fmt.Errorf("%w: %w of %d bytes: nested too deeply", errNoPacket, errBrokenJSON, len(b))
	}
	var all []json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%w: %w of %d bytes", errNoPacket, errBrokenJSON, len(b))
	}
	return all, nil
}

// tooDeep reports whether JSON is nested more deeply than maxDepth. Nearly all
// frames have too few brackets for that, which is quick to see.
func tooDeep(b []byte) bool {
	if bytes.Count(b, []byte{'['})+bytes.Count(b, []byte{'{'}) <= maxDepth {
		return false
	}
	depth, text := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func optionalJSON(b []byte) (json.RawMessage, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if !json.Valid(b) {
		return nil, fmt.Errorf("%w: %w of %d bytes", errNoPacket, errBrokenJSON, len(b))
	}
	return bytes.Clone(b), nil
}

// encodeEvent is the inverse of parseEvent, with the packet's head. Text is left
// as it is: the server counts characters, and "<" is one.
func encodeEvent(event string, args ...any) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteString("42")
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(append([]any{event}, args...)); err != nil {
		return nil, fmt.Errorf("encode event %s: %w", event, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}
