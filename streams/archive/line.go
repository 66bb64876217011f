package archive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"rosey/streams"
)

// maxLine bounds one line: the largest message a server may be set to take, in
// base64.
const maxLine = 128 << 20

const msgIDHeader = nats.MsgIdHdr

// The fields of a line, in their order. Data comes last, so that a reader takes
// it without looking into it.
const (
	fieldSeq           = `{"seq":`
	fieldTime          = `,"time":"`
	fieldSubject       = `,"subject":`
	fieldSubjectBase64 = `,"subject_base64":`
	fieldID            = `,"id":`
	fieldHeader        = `,"header":`
	fieldHeaderBase64  = `,"header_base64":`
	fieldData          = `,"data":`
	fieldDataBase64    = `,"data_base64":`
)

// appendLine writes one message as one line, its newline included.
func appendLine(b []byte, m streams.Message) ([]byte, error) {
	b = strconv.AppendUint(append(b, fieldSeq...), m.Seq, 10)
	b = m.Time.UTC().AppendFormat(append(b, fieldTime...), time.RFC3339Nano)
	b = append(b, '"')
	b, err := appendText(b, fieldSubject, fieldSubjectBase64, m.Subject)
	if err != nil {
		return nil, err
	}
	header := m.Header
	if ids := header[msgIDHeader]; len(ids) == 1 && ids[0] == m.MsgID && m.MsgID != "" && utf8.ValidString(m.MsgID) {
		if b, err = appendJSON(append(b, fieldID...), m.MsgID); err != nil {
			return nil, err
		}
		header = maps.Clone(header)
		delete(header, msgIDHeader)
	}
	if len(header) > 0 {
		if b, err = appendHeader(b, header); err != nil {
			return nil, err
		}
	}
	if verbatim(m.Data) {
		b = append(append(b, fieldData...), m.Data...)
	} else {
		b = append(append(b, fieldDataBase64...), '"')
		b = append(base64.StdEncoding.AppendEncode(b, m.Data), '"')
	}
	return append(b, '}', '\n'), nil
}

// verbatim reports whether data can stand in a line as it is, for every reader
// of JSON.
func verbatim(data []byte) bool {
	if len(data) == 0 || blank(data[0]) || blank(data[len(data)-1]) {
		return false
	}
	return bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 && utf8.Valid(data) && json.Valid(data)
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func appendText(b []byte, field, fieldBase64, text string) ([]byte, error) {
	if utf8.ValidString(text) {
		return appendJSON(append(b, field...), text)
	}
	return appendJSON(append(b, fieldBase64...), []byte(text))
}

func appendHeader(b []byte, h nats.Header) ([]byte, error) {
	for key, values := range h {
		ok := utf8.ValidString(key)
		for _, v := range values {
			ok = ok && utf8.ValidString(v)
		}
		if !ok {
			return appendJSON(append(b, fieldHeaderBase64...), recode(h, base64.StdEncoding.EncodeToString))
		}
	}
	return appendJSON(append(b, fieldHeader...), h)
}

// recode applies f to all keys and values of a header.
func recode(h map[string][]string, f func([]byte) string) map[string][]string {
	coded := make(map[string][]string, len(h))
	for key, values := range h {
		list := make([]string, len(values))
		for i, v := range values {
			list[i] = f([]byte(v))
		}
		coded[f([]byte(key))] = list
	}
	return coded
}

func appendJSON(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(b, text...), nil
}

var errLine = errors.New("the line is not one of an archive")

// lineParser reads lines. It expects what appendLine writes and nothing else.
type lineParser struct {
	// noHeaders leaves out headers but the message's id.
	noHeaders bool

	// Headers of messages in a row are often the same.
	rawHeader []byte
	header    nats.Header
}

// parse reads one line without its newline. What it returns does not share the
// line's memory.
func (p *lineParser) parse(line []byte) (m streams.Message, err error) {
	rest, ok := bytes.CutPrefix(line, []byte(fieldSeq))
	if !ok {
		return m, fmt.Errorf("%w: it begins otherwise", errLine)
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if m.Seq, err = strconv.ParseUint(string(rest[:n]), 10, 64); err != nil || m.Seq == 0 {
		return m, fmt.Errorf("%w: no sequence", errLine)
	}
	if rest, ok = bytes.CutPrefix(rest[n:], []byte(fieldTime)); !ok {
		return m, fmt.Errorf("%w: no time", errLine)
	}
	n = bytes.IndexByte(rest, '"')
	if n < 0 {
		return m, fmt.Errorf("%w: no time", errLine)
	}
	if m.Time, err = time.Parse(time.RFC3339Nano, string(rest[:n])); err != nil {
		return m, fmt.Errorf("%w: its time cannot be read", errLine)
	}
	m.Time = m.Time.UTC()
	rest = rest[n+1:]
	if m.Subject, rest, err = parseSubject(rest); err != nil {
		return m, err
	}
	if m.MsgID, rest, err = optionalText(rest, fieldID); err != nil {
		return m, err
	}
	if rest, err = p.parseHeader(&m, rest); err != nil {
		return m, err
	}
	m.Data, err = parseData(rest)
	return m, err
}

func parseSubject(rest []byte) (string, []byte, error) {
	if text, after, err := optionalText(rest, fieldSubject); text != "" || err != nil {
		return text, after, err
	}
	text, rest, err := optionalText(rest, fieldSubjectBase64)
	if err != nil {
		return "", nil, err
	}
	subject, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(subject) == 0 {
		return "", nil, fmt.Errorf("%w: its subject cannot be read", errLine)
	}
	return string(subject), rest, nil
}

// optionalText reads a field that is a text, and "" where it is not there.
func optionalText(rest []byte, field string) (string, []byte, error) {
	after, ok := bytes.CutPrefix(rest, []byte(field))
	if !ok {
		return "", rest, nil
	}
	n := textEnd(after)
	if n == 0 {
		return "", nil, fmt.Errorf("%w: a text does not end", errLine)
	}
	if raw := after[1 : n-1]; bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), after[n:], nil
	}
	var text string
	if err := json.Unmarshal(after[:n], &text); err != nil {
		return "", nil, fmt.Errorf("%w: a text cannot be read", errLine)
	}
	return text, after[n:], nil
}

// textEnd is the length of the JSON text at the beginning, 0 where there is none.
func textEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return 0
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// parseHeader reads the header, if there is one, and completes it with the id.
func (p *lineParser) parseHeader(m *streams.Message, rest []byte) ([]byte, error) {
	coded := false
	after, ok := bytes.CutPrefix(rest, []byte(fieldHeader))
	if !ok {
		after, ok = bytes.CutPrefix(rest, []byte(fieldHeaderBase64))
		coded = ok
	}
	var raw []byte
	if ok {
		n := objectEnd(after)
		if n == 0 {
			return nil, fmt.Errorf("%w: a header does not end", errLine)
		}
		raw, rest = after[:n], after[n:]
	}
	// An id that is odd in some way stays in the header, which then is needed.
	if p.noHeaders && m.MsgID != "" {
		return rest, nil
	}
	if ok {
		h, err := p.decodeHeader(raw, coded)
		if err != nil {
			return nil, err
		}
		m.Header = h
	}
	if m.MsgID != "" {
		if m.Header == nil {
			m.Header = nats.Header{}
		}
		m.Header[msgIDHeader] = []string{m.MsgID}
	} else if ids := m.Header[msgIDHeader]; len(ids) > 0 {
		m.MsgID = ids[0]
	}
	if p.noHeaders {
		m.Header = nil
	}
	return rest, nil
}

func (p *lineParser) decodeHeader(raw []byte, coded bool) (nats.Header, error) {
	if !coded && p.header != nil && bytes.Equal(raw, p.rawHeader) {
		return maps.Clone(p.header), nil
	}
	var h map[string][]string
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("%w: its header cannot be read", errLine)
	}
	if coded {
		var bad error
		h = recode(h, func(text []byte) string {
			plain, err := base64.StdEncoding.Strict().DecodeString(string(text))
			bad = errors.Join(bad, err)
			return string(plain)
		})
		if bad != nil {
			return nil, fmt.Errorf("%w: its header cannot be read", errLine)
		}
		return h, nil
	}
	p.rawHeader, p.header = append(p.rawHeader[:0], raw...), h
	return maps.Clone(p.header), nil
}

// objectEnd is the length of the JSON object at the beginning, 0 where there is
// none.
func objectEnd(b []byte) int {
	if len(b) == 0 || b[0] != '{' {
		return 0
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := textEnd(b[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

func parseData(rest []byte) ([]byte, error) {
	whole, ok := bytes.CutSuffix(rest, []byte("}"))
	if !ok {
		return nil, fmt.Errorf("%w: it does not end", errLine)
	}
	if data, ok := bytes.CutPrefix(whole, []byte(fieldData)); ok {
		if len(data) == 0 {
			return nil, fmt.Errorf("%w: no data", errLine)
		}
		return bytes.Clone(data), nil
	}
	text, ok := bytes.CutPrefix(whole, []byte(fieldDataBase64))
	if !ok || len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return nil, fmt.Errorf("%w: no data", errLine)
	}
	data, err := base64.StdEncoding.Strict().AppendDecode([]byte{}, text[1:len(text)-1])
	if err != nil {
		return nil, fmt.Errorf("%w: its data cannot be read", errLine)
	}
	return data, nil
}
