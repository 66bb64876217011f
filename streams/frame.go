package streams

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// frameReader reads what a server sends to a client that only listens.
//
// It exists for the rebuild: nats.go makes a map of headers, a linked list and a
// handful of texts for each message, which takes longer than decoding the event.
type frameReader struct {
	r        *bufio.Reader
	header   []byte            // of the frame that is read
	subjects map[string]string // met before: there are few, and as many texts as messages otherwise
	chunk    []byte            // what is left of the piece that data is put into
}

const (
	frameBuffer = 64 << 10
	// frameChunk is how much data is allocated at once. A piece is kept for as long
	// as any message of it.
	frameChunk = 64 << 10
	// frameMost is more than any server sends: it allows messages of 64 MB at most.
	frameMost = 65 << 20
	// maxSubjects bounds the memory for subjects that name channels.
	maxSubjects = 4096
)

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, frameBuffer), subjects: map[string]string{}}
}

// drained reports that nothing is here that was not read.
func (f *frameReader) drained() bool { return f.r.Buffered() == 0 }

type frameKind int

const (
	frameOther frameKind = iota // nothing to be done about it
	frameMessage
	framePing
	framePong
)

// frame is one operation of the server. Its header is good until the next one is
// read; its data is the caller's.
type frame struct {
	kind    frameKind
	subject string
	reply   bool // there is a reply subject
	pos     position
	posErr  error // why the reply subject says no position
	header  []byte
	data    []byte
}

var errFrame = errors.New("the server sent what is no message")

// next reads one frame. No frame follows an error.
func (f *frameReader) next() (fr frame, err error) {
	line, err := f.r.ReadSlice('\n')
	if err != nil {
		return fr, err
	}
	line = bytes.TrimRight(line, "\r\n")
	op, args, _ := bytes.Cut(line, []byte{' '})
	switch string(op) {
	case "HMSG", "MSG":
		return f.message(args, len(op) == len("HMSG"))
	case "PING":
		fr.kind = framePing
	case "PONG":
		fr.kind = framePong
	case "+OK", "INFO":
	case "-ERR":
		return fr, fmt.Errorf("the server says %.100q", args)
	default:
		return fr, fmt.Errorf("%w: %.20q", errFrame, op)
	}
	return fr, nil
}

// message reads the rest of a message, which begins with
//
//	HMSG <subject> <sid> [reply] <size of headers> <size>
//	MSG <subject> <sid> [reply] <size>
func (f *frameReader) message(args []byte, headers bool) (fr frame, err error) {
	var tokens [5][]byte
	n := 0
	for len(args) > 0 && n < len(tokens) {
		tokens[n], args, _ = bytes.Cut(args, []byte{' '})
		n++
	}
	sizes := 1
	if headers {
		sizes = 2
	}
	if len(args) > 0 || n < 2+sizes || n > 3+sizes {
		return fr, fmt.Errorf("%w: a message of %d tokens", errFrame, n)
	}
	head, total := uint64(0), uint64(0)
	ok := true
	if headers {
		head, _, ok = leadingNumber(tokens[n-2])
	}
	total, rest, whole := leadingNumber(tokens[n-1])
	if !ok || !whole || len(rest) > 0 || head > total || total > frameMost {
		return fr, fmt.Errorf("%w: a message of size %.20q", errFrame, tokens[n-1])
	}
	// The line is gone once more is read.
	fr.kind, fr.subject, fr.reply = frameMessage, f.intern(tokens[0]), n == 3+sizes
	if fr.reply {
		fr.pos, fr.posErr = parsePosition(tokens[2])
	}
	if f.header = append(f.header[:0], make([]byte, head)...); head > 0 {
		if _, err := io.ReadFull(f.r, f.header); err != nil {
			return fr, err
		}
	}
	fr.header, fr.data = f.header, f.room(int(total-head)) //nolint:gosec // bounded above
	if _, err := io.ReadFull(f.r, fr.data); err != nil {
		return fr, err
	}
	var end [2]byte
	if _, err := io.ReadFull(f.r, end[:]); err != nil {
		return fr, err
	}
	if string(end[:]) != "\r\n" {
		return fr, fmt.Errorf("%w: a message without an end", errFrame)
	}
	return fr, nil
}

func (f *frameReader) intern(subject []byte) string {
	if s, ok := f.subjects[string(subject)]; ok {
		return s
	}
	s := string(subject)
	if len(f.subjects) < maxSubjects {
		f.subjects[s] = s
	}
	return s
}

// room returns memory that nobody else uses.
func (f *frameReader) room(n int) []byte {
	if n > frameChunk/4 {
		return make([]byte, n)
	}
	if n > len(f.chunk) {
		f.chunk = make([]byte, frameChunk)
	}
	data := f.chunk[:n:n]
	f.chunk = f.chunk[n:]
	return data
}

const (
	headerLine = "NATS/1.0\r\n"
	idLine     = jetstream.MsgIDHeader + ": "
)

// decodeHeaders reads headers as nats.go does. It makes no map where a message has
// its id and nothing else, as nearly all of them have.
func decodeHeaders(block []byte) (nats.Header, string) {
	if rest, ok := bytes.CutPrefix(block, []byte(headerLine+idLine)); ok {
		if id, ok := bytes.CutSuffix(rest, []byte("\r\n\r\n")); ok && len(id) > 0 && id[0] != ' ' && id[0] != '\t' && bytes.IndexByte(id, '\n') < 0 {
			return nil, string(id)
		}
	}
	h, err := nats.DecodeHeadersMsg(block)
	if err != nil {
		return nil, "" // nats.go hands such a message on without headers
	}
	if id := h[jetstream.MsgIDHeader]; len(id) > 0 {
		return h, id[0]
	}
	return h, ""
}
