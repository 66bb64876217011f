package main

import (
	"errors"
	"slices"
	"strings"

	"rosey/streams"
)

// lostError says that the server went away while a command was at work, and what
// that leaves. The words of the requests that came to nothing by it are left out:
// which of them was on its way is chance.
type lostError struct {
	text string
	err  error
}

func (e *lostError) Error() string { return e.text }
func (e *lostError) Unwrap() error { return e.err }

// serverLost says so of any command whose server went away, and gives the command
// again. An error that says more, or has its next step, is returned as it is.
func serverLost(err error, command string, args []string) error {
	var text string
	switch {
	case advice(err) != "":
		return err
	case errors.Is(err, streams.ErrDisconnected):
		text = "the server went away (" + streams.ErrDisconnected.Error() + ")"
	case leaderless(err):
		text = "nobody answers for the stream, as while a cluster has no leader"
	default:
		return err
	}
	name, leaves, next := whatIsLeft(command, args)
	if leaves == "" {
		return advise(err, "%s   (once the server answers again)", commandLine(args))
	}
	return advise(&lostError{name + ": " + text + "; " + leaves, err}, "%s   (%s, once the server answers again)", commandLine(args), next)
}

// leaderless reports whether the stream takes nothing just now, and will again
// without anybody doing anything about it.
func leaderless(err error) bool {
	return errors.Is(err, streams.ErrNoLeader) || errors.Is(err, streams.ErrUnavailable) && !errors.Is(err, streams.ErrFull) && !errors.Is(err, streams.ErrPermission) &&
		!errors.Is(err, streams.ErrInterfered) && !errors.Is(err, streams.ErrNoStream)
}

// whatIsLeft says what is left of a command that was broken off, and what the same
// command does then. Both are empty for one that only looks.
func whatIsLeft(command string, args []string) (name, leaves, next string) {
	const goesOn, again = "the same command goes on from there", "the same command again"
	words := strings.Fields(command)
	name = words[0]
	switch {
	case name == "import":
		return name, "what was stored stays, and the stream cannot be used before it is complete", goesOn
	case name == "export" && archiving(args):
		return name, "the archive holds what is complete", goesOn
	case name == "export":
		return name, "what was to be written is not complete", again
	case name == "backup":
		return name, "nothing of the backup is left", again
	case name == "restore":
		return name, "the restore is not complete, and nobody can use what there is of it", "the same command again: what was cut off is removed, and made anew"
	case name == "replay":
		return name, "the database is as it was", again
	case name == "dead-letters" && len(words) > 1 && words[1] == "retry":
		return "dead-letters retry", "the tables are as they were", again
	}
	return name, "", ""
}

// archiving reports whether an export adds to an archive.
func archiving(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--archive" || strings.HasPrefix(a, "--archive=") })
}
