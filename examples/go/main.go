// A client in Go, by gRPC: user 1 makes a room, user 2 follows the stream, user 1 writes, user 2 sees it.
// Ends with 0 only when that happened. The folder gen is made by "buf generate"; run does both.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"

	chatv1 "example.com/chat/gen/services/chat/v1"
	"example.com/chat/gen/services/chat/v1/chatv1connect"
)

const content = "hello from Go"

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ana := newClient(os.Getenv("CHAT_TOKEN_1"))
	ben := newClient(os.Getenv("CHAT_TOKEN_2"))
	if err := converse(ctx, ana, ben); err != nil {
		log.Fatal(err)
	}
}

func converse(ctx context.Context, ana, ben chatv1connect.ChatServiceClient) error {
	// 1. A group of users 1 and 2. Whoever creates it is a member anyway.
	name := "From Go"
	created, err := ana.CreateRoom(ctx, &chatv1.CreateRoomRequest{Type: "group", Name: &name, Participants: []int32{2}})
	if err != nil {
		return fmt.Errorf("create a room: %w", err)
	}
	room := created.GetRoom().GetId()
	fmt.Println("room", room)

	// 2. The stream of user 2. "connected" says that it is open: nothing that happens from now on is missed. Before it comes what
	//    happened since this installation was last here; after a broken connection give StreamMessagesRequest the last cursor.
	events, err := ben.StreamMessages(ctx, &chatv1.StreamMessagesRequest{})
	if err != nil {
		return fmt.Errorf("open the stream: %w", err)
	}
	defer events.Close()
	if err := await(events, (*chatv1.MessageEvent).GetConnected); err != nil {
		return err
	}

	// 3. A message. The id is made once for each message, so that it can be sent again when the answer gets lost: it is stored once.
	//    Real clients encrypt the content (docs/encryption.md); the service stores and delivers any text as it is.
	id := fmt.Sprintf("go-%d", time.Now().UnixNano())
	sent, err := ana.SendMessage(ctx, &chatv1.SendMessageRequest{RoomId: room, Content: content, SenderMessageId: &id})
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	fmt.Printf("sent as number %d of the room\n", sent.GetMessage().GetSequence())

	// 4. User 2 sees it, after a few other events: that he was added to the room, and what the room says of that.
	err = await(events, func(event *chatv1.MessageEvent) bool {
		return event.GetRoomId() == room && event.GetMessage().GetContent() == content
	})
	if err != nil {
		return err
	}
	fmt.Println("user 2 saw:", content)
	return nil
}

// await reads events until one is what is asked for.
func await(events *connect.ServerStreamForClient[chatv1.MessageEvent], wanted func(*chatv1.MessageEvent) bool) error {
	for events.Receive() {
		if wanted(events.Msg()) {
			return nil
		}
	}
	return errors.Join(errors.New("the stream ended"), events.Err())
}

// newClient speaks gRPC; without WithGRPC it would be the Connect protocol. The service has no TLS of its own, so HTTP/2 begins
// without negotiation.
func newClient(token string) chatv1connect.ChatServiceClient {
	url := os.Getenv("CHAT_URL")
	if url == "" {
		url = "http://127.0.0.1:8080"
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: identified{transport, token}}
	return chatv1connect.NewChatServiceClient(client, url, connect.WithGRPC())
}

// identified says with each request who asks. X-Client-Id names this installation: the service keeps its place in the stream, and a newer
// stream with the same name ends the older one.
type identified struct {
	http.RoundTripper
	token string
}

func (i identified) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+i.token)
	request.Header.Set("X-Client-Id", "example-go")
	return i.RoundTripper.RoundTrip(request)
}
