package streams

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestFrameReader_Operations(t *testing.T) {
	t.Parallel()
	text := "INFO {\"a\":1}\r\n+OK\r\nPING\r\nPONG\r\nMSG a.b 1 3\r\nabc\r\n" +
		"MSG a.b 1 $JS.ACK.ROSEY.c.1.5.2.9.7 0\r\n\r\nHMSG a.c 1 _X 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "in pieces": iotest.OneByteReader(strings.NewReader(text))} {
		f := newFrameReader(r)
		var got []frame
		for {
			fr, err := f.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			fr.header = bytes.Clone(fr.header)
			got = append(got, fr)
		}
		if len(got) != 7 || got[2].kind != framePing || got[3].kind != framePong || string(got[4].data) != "abc" || got[4].reply ||
			!got[5].reply || got[5].pos.stream != 5 || got[5].pos.pending != 7 || len(got[5].data) != 0 ||
			got[6].subject != "a.c" || got[6].posErr == nil || string(got[6].header) != "NATS/1.0\r\n\r\n" || string(got[6].data) != "hi" {
			t.Errorf("%s: read %+v", name, got)
		}
	}
}

func TestFrameReader_NoFrames(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"-ERR 'Authorization Violation'\r\n", "HELLO\r\n", "MSG a 1\r\n", "MSG a 1 r x\r\n", "MSG a 1 r r r r 3\r\nabc\r\n",
		"HMSG a 1 5 3\r\nabc\r\n", "MSG a 1 99999999999\r\n", "MSG a 1 3\r\nabcde", "MSG a 1 3\r\nab", "PING",
		strings.Repeat("x", frameBuffer+1),
	} {
		if fr, err := newFrameReader(strings.NewReader(text)).next(); err == nil {
			t.Errorf("%.30q: read %+v", text, fr)
		}
	}
}

// Data is never given out twice.
func TestFrameReader_DataStaysAsItWas(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	const n = 3 * frameChunk / 100
	for i := range n {
		data := bytes.Repeat([]byte{byte(i)}, 100)
		text.WriteString("MSG a 1 100\r\n")
		text.Write(append(data, "\r\n"...))
	}
	f := newFrameReader(&text)
	var all [][]byte
	for range n {
		fr, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, append(fr.data, 'x')) // beyond its own end
	}
	for i, data := range all {
		if !bytes.Equal(data[:100], bytes.Repeat([]byte{byte(i)}, 100)) {
			t.Fatalf("message %d is %q", i, data)
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add([]byte("PING\r\nMSG a.b 1 3\r\nabc\r\nHMSG a.c 1 _X 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"))
	f.Add([]byte("MSG a.b 1 $JS.ACK.ROSEY.c.1.5.2.9.7 0\r\n\r\n"))
	f.Add([]byte("HMSG a 1 r 99999999999999999999 3\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newFrameReader(bytes.NewReader(text))
		for size := 0; ; {
			fr, err := r.next()
			if err != nil {
				return
			}
			if size += len(fr.header) + len(fr.data); size > len(text) {
				t.Fatalf("%d bytes of %d", size, len(text))
			}
		}
	})
}

func FuzzDecodeHeaders(f *testing.F) {
	for _, text := range []string{
		"NATS/1.0\r\n\r\n", "NATS/1.0\r\nNats-Msg-Id: a-1\r\n\r\n", "NATS/1.0\r\nNats-Msg-Id:  a-1 \r\nX: y\r\n\r\n",
		"NATS/1.0 100 Idle\r\n\r\n", "NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n\r\n", "NATS/1.0\r\nNats-Msg-Id: a\rb\r\n\r\n", "x",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		want := ""
		h, err := nats.DecodeHeadersMsg(block)
		if err == nil && len(h[jetstream.MsgIDHeader]) > 0 {
			want = h[jetstream.MsgIDHeader][0]
		}
		if _, got := decodeHeaders(block); got != want {
			t.Errorf("%q: id %q, want %q", block, got, want)
		}
	})
}
