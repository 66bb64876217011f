package bot

import (
	"encoding/json"

	"rosey/bot/cytube"
	"rosey/events"
)

// maxTimeMS bounds the times that are believed: the largest a JavaScript date
// can be.
const maxTimeMS = 8_640_000_000_000_000

// wireChat is a chat line or private message on the wire. Times may be fractions.
type wireChat struct {
	Username *string  `json:"username"`
	Msg      *string  `json:"msg"`
	Time     *float64 `json:"time"`
	To       *string  `json:"to"`
	Meta     wireChatMeta
}

type wireChatMeta struct {
	AddClass string `json:"addClass"`
	Shadow   bool   `json:"shadow"`
}

// UnmarshalJSON takes what it can use and never fails: how a line was shown is
// not worth losing the line for.
func (m *wireChatMeta) UnmarshalJSON(data []byte) error {
	var fields struct{ AddClass, Shadow json.RawMessage }
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	if json.Unmarshal(fields.AddClass, &m.AddClass) != nil {
		m.AddClass = ""
	}
	m.Shadow = string(fields.Shadow) == "true"
	return nil
}

func readLine(f *frame) (wireChat, error) {
	line, err := argument[wireChat](f)
	if err != nil || line.Username == nil || line.Msg == nil || line.Time == nil {
		return wireChat{}, errShape
	}
	if *line.Time > maxTimeMS || *line.Time < -maxTimeMS {
		return wireChat{}, errShape
	}
	f.timeMS = int64(*line.Time)
	return line, nil
}

func readChatMsg(t *Translator, f *frame) (events.Payload, error) {
	line, err := readLine(f)
	if err != nil {
		return nil, err
	}
	return &events.MessageLog{
		Username: *line.Username,
		Message:  cytube.PlainText(*line.Msg),
		// Until the user list has come, every line is one that was re-sent: no
		// live line can mix into what a join brings.
		History: t.session.burst,
		Notice:  noticeName(*line.Username),
		Style:   line.Meta.AddClass,
		Shadow:  line.Meta.Shadow,
	}, nil
}

func readPM(_ *Translator, f *frame) (events.Payload, error) {
	line, err := readLine(f)
	if err != nil || line.To == nil {
		return nil, errShape
	}
	return &events.MessagePrivate{Username: *line.Username, Recipient: *line.To, Message: cytube.PlainText(*line.Msg)}, nil
}
