package main

import (
	"regexp"
	"strings"
)

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// commandLine is the command as it was given, to be given again. The servers'
// addresses may hold a password, which is nobody's to repeat.
func commandLine(args []string) string {
	words := []string{"rosey"}
	for i, a := range args {
		address, joined := strings.CutPrefix(a, "--nats=")
		switch secret := strings.Contains(address, "@"); {
		case secret && joined:
			words = append(words, "--nats=URL")
		case secret && i > 0 && args[i-1] == "--nats":
			words = append(words, "URL")
		default:
			words = append(words, shell(a))
		}
	}
	return strings.Join(words, " ")
}

// shell writes a word as a shell reads it: what is advised can be pasted.
func shell(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
