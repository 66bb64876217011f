package service

import (
	"fmt"
	"strings"
)

// Markdown documents endpoints: what each is asked, how that is sent from a
// shell, and what comes back.
func Markdown(endpoints []Endpoint) string {
	var b strings.Builder
	for _, e := range endpoints {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n", e.Subject, e.Doc)
		e.Request.table(&b)
		b.WriteString("```sh\n")
		for _, x := range e.Examples {
			fmt.Fprintf(&b, "nats req %s '%s'\n", e.Subject, x)
		}
		b.WriteString("```\n\n")
		if e.Bare {
			b.WriteString("Answers without an envelope; fields it does not know are ignored, and limits are brought into their range:\n")
		} else {
			b.WriteString("Its data:\n")
		}
		fmt.Fprintf(&b, "\n```\n%s\n```\n", e.Reply.shape(""))
	}
	return b.String()
}

// table lists the fields of a request.
func (s *Schema) table(b *strings.Builder) {
	if len(s.names) == 0 {
		return
	}
	b.WriteString("| Field | Type | Meaning |\n|---|---|---|\n")
	for _, name := range s.names {
		p := s.Properties[name]
		kind := p.kind()
		for _, r := range s.Required {
			if r == name {
				kind += ", required"
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, kind, p.Description)
	}
	b.WriteString("\n")
}

// kind says the type of a field and its bounds in a few words.
func (s *Schema) kind() string {
	var names []string
	for _, t := range s.Types {
		if t != typeNull {
			names = append(names, t)
		}
	}
	text := strings.Join(names, " or ")
	one := s
	if s.Items != nil {
		one = s.Items
		text = "list of " + strings.Join(one.Types, " or ") + "s"
	}
	if len(one.Enum) > 0 {
		text += ": " + strings.Join(one.Enum, ", ")
	}
	if bounded(one) {
		text += ", " + span(one)
	}
	if one.MaxLength != nil {
		text += fmt.Sprintf(", at most %d characters", *one.MaxLength)
	}
	if s.Default != nil {
		text += fmt.Sprintf("; default %v", s.Default)
	}
	return text
}

// bounded reports whether a number's range is worth a word: that of all integers
// is not.
func bounded(s *Schema) bool {
	if s.Minimum == nil && s.Maximum == nil {
		return false
	}
	return s.Maximum == nil || *s.Maximum != maxInteger
}

// shape is a reply as somebody would sketch it.
func (s *Schema) shape(indent string) string {
	null := ""
	if s.is(typeNull) {
		null = " or null"
	}
	switch {
	case s.Properties != nil:
		var b strings.Builder
		b.WriteString("{\n")
		for i, name := range s.names {
			comma := ","
			if i == len(s.names)-1 {
				comma = ""
			}
			fmt.Fprintf(&b, "%s  %q: %s%s\n", indent, name, s.Properties[name].shape(indent+"  "), comma)
		}
		return b.String() + indent + "}" + null
	case s.Items != nil:
		return "[" + s.Items.shape(indent) + ", …]" + null
	case len(s.Types) == 0:
		return "any"
	default:
		return strings.Join(s.Types, " or ")
	}
}
