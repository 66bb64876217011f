// Package speech knows what a bot was asked to say, and judges what became of it.
//
// The messages of a test follow from their numbers: ordinary ones, private ones,
// some for later, some too long for a line, some that cannot be sent. Every word
// of them is numbered too, so that what a channel has shown tells how often it
// showed each, in whole or in part.
//
// Evidence is what everybody has: the test what it queued, the queue its final
// states, the channel the lines it showed, the stream its marks, the tables their
// rows. Judge holds them against each other. It takes nobody's word for what
// another can tell: that a message was sent is the queue's word, that it was shown
// once the channel's.
package speech
