package service

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// envelope is the reply of all endpoints but bare ones.
type envelope struct {
	Success bool    `json:"success"`
	Seq     *uint64 `json:"seq,omitempty"`
	Data    any     `json:"data,omitempty"`
	Error   *Error  `json:"error,omitempty"`
}

// encode writes an answer. Texts are not escaped for HTML: it is nobody's page.
func (e *Endpoint) encode(v any) ([]byte, error) {
	out := envelope{Success: true, Data: v}
	if p, ok := v.(placed); ok {
		seq, data := p.at()
		out.Seq, out.Data = &seq, data
	}
	if e.Bare {
		return encode(out.Data)
	}
	return encode(out)
}

func encodeError(e *Error) ([]byte, error) { return encode(envelope{Error: e}) }

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
