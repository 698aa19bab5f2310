/* SPDX-License-Identifier: MIT
 * ComfyUI graphs whose prompt is in a text box or in an encoder with an unusual input: which text is the prompt. */
#include "comfy_variants.h"

#define WRITES(type, input, text) FROM_40(type, "'" input "':'" text "'")

/* If a node has only one text, and its class is known as a text box, this text is the prompt. For other classes of
 * nodes, the text is only a guess. */
static const variant boxes[] = {
    {WRITES("PrimitiveString", "value", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("StringConstant", "string", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("String Literal (Image Saver)", "string", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("CR Text", "text", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("ttN text", "text", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("JWString", "text", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("JWStringMultiline", "text", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("easy positive", "positive", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("Text box", "Text", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("Textbox", "text", "a jug"), "a jug", DERIVED, NULL},
    {WRITES("QwenVL", "prompt", "a jug"), "a jug", GUESS, NULL},
    {WRITES("LlamaCpp", "text", "a jug"), "a jug", GUESS, NULL},
    {WRITES("PromptOptimizer", "prompt", "a jug"), "a jug", GUESS, NULL},
    {WRITES("DPJinja", "text", "a jug"), "a jug", GUESS, NULL},
    {WRITES("EncryptText", "text", "a jug"), "a jug", GUESS, NULL},
    {WRITES("TextDeduplicate", "text", "a jug"), "a jug", GUESS, NULL},
    {WRITES("Text Truncate", "text", "a jug"), "a jug", GUESS, NULL},
    {WRITES("MultilinePromptPicker", "text", "a jug"), NULL, NONE, NULL},
    {FROM_40("TextDeduplicate", "'text':" A_VASE), NULL, NONE, NULL},
    {FROM_40("MultilinePromptPicker", "'text':" A_VASE), NULL, NONE, NULL},
    {FROM_40("StringConcatenate", "'string_a':['43',0],'string_b':" A_KITE
                                  ",'delimiter':' '}},'43':{'class_type':'QwenVL','inputs':{'prompt':'a jug'"),
     "a jug a yellow kite", GUESS, NULL},
    /* a text with a wildcard, which another program may have replaced */
    {WRITES("PrimitiveString", "value", "a __colour__ jug"), "a __colour__ jug", GUESS, NULL},
    {WRITES("PrimitiveString", "value", "a __ jug __ here"), "a __ jug __ here", DERIVED, NULL},
};

#define CLIP_LINK "'opt_clip':['4',1],'insert_embedding':'CHOOSE','insert_saved':'CHOOSE'"
#define CR_LINES(text, csv, split)                                                                                     \
    FROM_40("CR Multiline Text", "'text':'" text "','convert_from_csv':" csv ",'csv_quote_char':'q'"                   \
                                 ",'remove_chars':false,'chars_to_remove':'x','split_string':" split)

/* Tests text boxes with options, seeds and several texts. */
static const variant boxes_with_options[] = {
    {FROM_40("StringConstantMultiline", "'string':'a jug\\non a table\\n','strip_newlines':true"), "a jug\non a table",
     DERIVED, NULL},
    {FROM_40("StringConstantMultiline", "'string':'a jug\\non a table','strip_newlines':false"), "a jug\n\non a table",
     DERIVED, NULL},
    {FROM_40("StringConstantMultiline", "'string':" A_VASE ",'strip_newlines':true"), "a blue vase", DERIVED, NULL},
    {FROM_40("StringConstantMultiline", "'string':['30',0],'strip_newlines':true"), NULL, NONE, NULL},
    /* an option that is off does not change the text; any other option may change it */
    {CR_LINES("a jug\\n# a note\\na cup,,", "false", "false"), "a jug\na cup", DERIVED, NULL},
    {CR_LINES("a jug", "false", "true"), "a jug", GUESS, NULL},
    {CR_LINES("a jug", "true", "false"), "a jug", GUESS, NULL},
    {FROM_40("Text Box", "'text':'a jug','trim':false"), "a jug", DERIVED, NULL},
    {FROM_40("Text Box", "'text':'a jug','trim':true"), "a jug", GUESS, NULL},
    {FROM_40("Text Box", "'text':'a jug','style':'None'"), "a jug", DERIVED, NULL},
    {FROM_40("Text Box", "'text':'a jug','style':'anime'"), "a jug", GUESS, NULL},
    {FROM_40("Text Box", "'text':'a jug','image':['8',0]"), NULL, NONE, NULL},
    {FROM_40("SomethingElse", "'text':'a jug','trim':false"), NULL, NONE, NULL},
    /* a node with a seed and a text: its seed only chooses between alternatives in the text */
    {FROM_40("Text Box", "'text':'a jug','seed':5"), "a jug", DERIVED, NULL},
    {FROM_40("Text Box", "'text':'a {red|blue} jug','seed':5"), NULL, NONE, NULL},
    {FROM_40("Text Box", "'text':'a __colour__ jug','seed':5"), NULL, NONE, NULL},
    {FROM_40("SomethingElse", "'text':'a jug','seed':5"), "a jug", GUESS, NULL},
    {FROM_40("SomethingElse", "'text':'a {red|blue} jug','seed':5"), NULL, NONE, NULL},
    {FROM_40("SomethingElse", "'text':" A_VASE ",'seed':5"), NULL, NONE, NULL},
    {FROM_40("SomethingElse", "'text':'a jug','seed':5,'temperature':0.7"), NULL, NONE, NULL},
    {FROM_40("OllamaWriter", "'text':'write','seed':5"), NULL, NONE, NULL},
    {FROM_40("String Literal [pack]", "'string':'a jug'"), "a jug", DERIVED, NULL},
    /* one output for each text */
    {FROM_40("Text String", "'text':'a jug','text_b':'a cup','text_c':'','text_d':''"), "a jug", DERIVED, NULL},
    {TEXT("['40',2]", NODE("Text String", "'text':'a jug','text_b':'a cup','text_c':'a hat','text_d':''")), "a hat",
     DERIVED, NULL},
    {TEXT("['40',3]", NODE("Text String", "'text':'a jug','text_b':'a cup'")), NULL, NONE, NULL},
    {FROM_40("Text Box", "'text':'a jug','text_b':''"), "a jug", DERIVED, NULL},
    {FROM_40("Text Box", "'text':'a jug','text_b':'a cup'"), NULL, NONE, NULL},
    /* a text encoder that also has its text as an output */
    {TEXT("['40',1]", NODE("Power Prompt - Simple (rgthree)", "'prompt':'a jug'," CLIP_LINK)), "a jug", DERIVED, NULL},
    {TEXT("['40',1]", NODE("Power Prompt - Simple (rgthree)", "'prompt':" A_VASE "," CLIP_LINK) TWO), "a blue vase",
     DERIVED, NULL},
    {"{" USUAL "'6':{'class_type':'Power Prompt - Simple (rgthree)','inputs':{'prompt':'a jug'," CLIP_LINK "}}," LAST
     "}",
     "a jug", DERIVED, NULL},
    {TEXT("['40',1]", NODE("Text Box", "'text':'a jug'")), NULL, NONE, NULL},
    /* this class of switch also passes on an empty text */
    {FROM_40("Any Switch (rgthree)", "'any_01':['43',0],'any_02':" A_KITE "}},'43':{'class_type':'PrimitiveString',"
                                     "'inputs':{'value':''"),
     NULL, NONE, NULL},
};

#define ENCODER(type, inputs)                                                                                          \
    "{" USUAL "'6':{'class_type':'" type "','inputs':{'clip':['4',1]," inputs "}}," TWO LAST "}"

/* If no input of an encoder has a usual name for the prompt, goldpan uses the only text of the encoder. Instructions do
 * not count as its text. */
static const variant encoders[] = {
    {ENCODER("CLIPTextEncodeLumina2", "'system_prompt':'superior','user_prompt':'a jug'"), "a jug", DERIVED, NULL},
    {ENCODER("CLIPTextEncodeLumina2", "'system_prompt':'superior','user_prompt':" A_VASE), "a blue vase", DERIVED,
     NULL},
    {ENCODER("OtherEncode", "'main_prompt':'a jug','prompt_template':'{}','negative_prompt':'mud'"), "a jug", DERIVED,
     NULL},
    {ENCODER("OtherEncode", "'first_prompt':'a jug','second_prompt':'a cup'"), NULL, NONE, NULL},
    {ENCODER("OtherEncode", "'system_prompt':'superior'"), NULL, NONE, NULL},
    {ENCODER("CLIPTextEncodeKandinsky5", "'clip_l':'a jug','qwen25_7b':'a jug on a table'"), "a jug on a table",
     DERIVED, NULL},
};

static void test_boxes(void **state)
{
    (void)state;
    CHECK(boxes);
    CHECK(boxes_with_options);
    CHECK(encoders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_boxes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
