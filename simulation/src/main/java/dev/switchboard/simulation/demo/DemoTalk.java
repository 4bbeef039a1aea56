package dev.switchboard.simulation.demo;

import java.math.BigDecimal;
import java.util.List;
import java.util.Random;

/** What callers of the demo talk about, in the language of their organization. Immutable. */
final class DemoTalk {
    private static final DemoTalk ENGLISH = new DemoTalk(List.of(
            new Topic(
                    "delivery",
                    "A delivery is late; it was found, and comes tomorrow.",
                    -2,
                    List.of(
                            "Thank you for calling, how can I help you?",
                            "This is %s. Our order has not arrived, and it was to be here on Tuesday.",
                            "I am sorry to hear that. Let me look where it is.",
                            "Please do, we have customers waiting for it.",
                            "It is at the depot. It goes out tonight and is with you tomorrow before ten.",
                            "Tomorrow before ten works. Thank you for finding it.")),
            new Topic(
                    "invoice",
                    "An invoice was charged twice; one of the two is refunded.",
                    -4,
                    List.of(
                            "Good morning, what can I do for you?",
                            "We at %s were charged twice for the same invoice.",
                            "I see both charges. The second one should not be there.",
                            "So when do we get it back?",
                            "I have refunded it just now. Your bank shows it within three days.",
                            "All right. I would rather it did not happen again.")),
            new Topic(
                    "upgrade",
                    "Asks for a larger plan; an offer was sent.",
                    6,
                    List.of(
                            "Hello, you are speaking with sales.",
                            "Hi, %s has grown, and we need ten more seats.",
                            "That is good news. On the larger plan ten more seats cost less than you would think.",
                            "Could you send me an offer?",
                            "It is in your inbox now, with the price for a year.",
                            "Wonderful, that was quick. I am looking at it.")),
            new Topic(
                    "password",
                    "Could not sign in; the password was reset.",
                    2,
                    List.of(
                            "Support, how can I help?",
                            "I cannot sign in any more. I am with %s.",
                            "Let us reset your password. Do you have your mailbox at hand?",
                            "Yes, the message is here. I have chosen a new one.",
                            "Try it now, please.",
                            "It works. Thank you, that is all.")),
            new Topic(
                    "outage",
                    "The service was slow in the morning; the cause is known and mended.",
                    -6,
                    List.of(
                            "Technical support, good afternoon.",
                            "%s here. Nothing has loaded for us since nine, and my people cannot work.",
                            "We had a fault this morning, which is mended. Is it still slow for you?",
                            "It is better now, but we lost half a day.",
                            "I understand. I have noted it, and a colleague calls you about a credit.",
                            "I expect that call today, please.")),
            new Topic(
                    "thanks",
                    "Praises a colleague, and renews.",
                    9,
                    List.of(
                            "Good afternoon, how may I help?",
                            "This is %s. Your colleague helped us so well last week that we want to renew at once.",
                            "How kind of you to say so, I will tell her.",
                            "Please do. And another year for us, as before.",
                            "Done. The confirmation is on its way.",
                            "Excellent. Have a lovely day."))));

    private static final DemoTalk PORTUGUESE = new DemoTalk(List.of(
            new Topic(
                    "consulta",
                    "Marcou uma consulta para quinta-feira.",
                    4,
                    List.of(
                            "Bom dia, recepção, em que posso ajudar?",
                            "Bom dia, aqui é da %s. Queria marcar uma consulta.",
                            "Claro. Temos horário na quinta-feira às nove.",
                            "Quinta às nove está ótimo.",
                            "Está marcado. Enviamos a confirmação por mensagem.",
                            "Muito obrigado.")),
            new Topic(
                    "exame",
                    "O resultado de um exame está atrasado.",
                    -5,
                    List.of(
                            "Recepção, boa tarde.",
                            "Boa tarde, %s. O resultado do exame era para ontem e não chegou.",
                            "Peço desculpa. Vou verificar com o laboratório.",
                            "Por favor, já estou esperando há uma semana.",
                            "Fica pronto hoje às dezessete horas.",
                            "Está bem, espero que sim.")),
            new Topic(
                    "remarcar",
                    "Pediu para mudar o horário da consulta.",
                    1,
                    List.of(
                            "Bom dia, como posso ajudar?",
                            "Preciso mudar o horário da consulta, é em nome de %s.",
                            "Posso passar para sexta-feira às quinze horas.",
                            "Sexta à tarde serve.",
                            "Está alterado.",
                            "Obrigada, bom dia."))));

    private final List<Topic> topics;

    private DemoTalk(List<Topic> topics) {
        this.topics = List.copyOf(topics);
    }

    static DemoTalk of(DemoData.Organization organization) {
        return organization.timezone().startsWith("America/Sao") ? PORTUGUESE : ENGLISH;
    }

    /** @param mood from -10 to 10 */
    private record Topic(String name, String summary, int mood, List<String> lines) {}

    /**
     * One conversation.
     *
     * @param lines    agent and customer in turn
     * @param insights a JSON object
     */
    record About(List<String> lines, int score, BigDecimal sentiment, String insights) {
        String transcription() {
            return String.join("\n", lines);
        }
    }

    About about(Random random, String company) {
        Topic topic = topics.get(random.nextInt(topics.size()));
        int mood = Math.clamp(topic.mood() + random.nextInt(5) - 2, -10, 10);
        int score = Math.clamp(Math.round(70 + 2.2 * mood + 9 * random.nextGaussian()), 5, 99);
        return new About(
                topic.lines().stream().map(line -> line.replace("%s", company)).toList(),
                score,
                BigDecimal.valueOf(mood).movePointLeft(1),
                "{\"topic\": \"%s\", \"summary\": \"%s\"}".formatted(topic.name(), topic.summary()));
    }
}
