/* SPDX-License-Identifier: MIT
 * Metadata of many programs, in files that this test writes. With a folder as its argument, the program writes the
 * files there, as seeds for the fuzz target meta_file. */
#include "ingest_support.h"
#include "meta_files.h"

#include "metadata/xmp.h"

#define XMP(inside)                                                                                                    \
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF><rdf:Description rdf:about=\"\" " inside "</rdf:RDF></x:xmpmeta>"
#define SWARM(prompt)                                                                                                  \
    "{\"sui_image_params\": {\"prompt\": \"" prompt "\", \"negativeprompt\": \"blurry\", \"model\": \"folder/xl\","    \
    " \"seed\": 18446744073709551615, \"steps\": \"20\", \"cfgscale\": 7.5, \"width\": 512, \"height\": 768,"          \
    " \"sampler\": \"euler\", \"scheduler\": \"karras\", \"loras\": [\"ink\", \"line\"], \"loraweights\": [\"0.5\","   \
    " \"1\"], \"refinerupscale\": 1.5, \"swarm_version\": \"0.9.7\"}, \"sui_models\": [{\"name\": \"xl.safetensors\"," \
    " \"param\": \"model\", \"hash\": \"0x12ab\"}]}"
#define SWARM_SETTINGS                                                                                                 \
    "{\"steps\": 20, \"sampler\": \"euler\", \"scheduler\": \"karras\", \"cfg_scale\": 7.5, \"seed\": "                \
    "18446744073709551615, \"width\": 512, \"height\": 768, \"model\": \"folder/xl\", \"hires_scale\": 1.5, "          \
    "\"version\": \"0.9.7\", \"model_hash\": \"12ab\", \"loras\": \"ink:0.5, line:1\"}"
#define NOVELAI                                                                                                        \
    "{\"prompt\": \"old\", \"uc\": \"old\", \"steps\": 28, \"scale\": 5.0, \"seed\": 447042893, \"sampler\": "         \
    "\"k_euler\", \"noise_schedule\": \"karras\", \"width\": 64, \"height\": 32, \"v4_prompt\": {\"caption\": "        \
    "{\"base_caption\": \"two cats\", \"char_captions\": [{\"char_caption\": \"grey cat\"}, {\"char_caption\": "       \
    "\"red cat\"}]}}, \"v4_negative_prompt\": {\"caption\": {\"base_caption\": \"noise\"}}}"
#define NOVELAI_SETTINGS                                                                                               \
    "{\"steps\": 28, \"sampler\": \"k_euler\", \"scheduler\": \"karras\", \"cfg_scale\": 5, \"seed\": 447042893, "     \
    "\"width\": 64, \"height\": 32, \"characters\": \"grey cat | red cat\", \"model\": \"NovelAI Diffusion V4\", "     \
    "\"model_hash\": \"C02D4F98\"}"
#define INFOTEXT "a castle\nNegative prompt: fog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 42, Size: 512x768"
#define INFOTEXT_SETTINGS                                                                                              \
    "{\"steps\": 20, \"sampler\": \"Euler\", \"cfg_scale\": 7, \"seed\": 42, \"width\": 512, \"height\": 768}"
/* TensorArt writes zero bytes after the text */
#define TENSORART                                                                                                      \
    "{\"prompt\": \"a bird\", \"negativePrompt\": \"cage\", \"steps\": 25, \"samplerName\": \"Euler\", \"cfgScale\":"  \
    " 7, \"seed\": \"12\", \"width\": 64, \"height\": 32, \"clipSkip\": 2, \"baseModel\": {\"modelFileName\": \"m\","  \
    " \"hash\": \"AB\"}}\0\0"
#define GRAPH                                                                                                          \
    "{\"1\":{\"class_type\":\"KSampler\",\"inputs\":{\"positive\":[\"2\",0],\"seed\":1,\"steps\":2,\"cfg\":3}},"       \
    "\"2\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"from the graph\"}}"
#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static const struct form {
    const char *name; /* name of the file */
    meta_text texts[6];
    const char *tool, *where;
    gp_evidence evidence;
    const char *prompt, *negative, *settings;
} forms[] = {
    {"swarm.png",
     {{META_TEXT, "parameters", SWARM("a fox"), 0}},
     "swarmui",
     "parameters",
     GP_EVIDENCE_STATED,
     "a fox",
     "blurry",
     SWARM_SETTINGS},
    {"swarm-graph.png",
     {{META_TEXT, "prompt", GRAPH "}", 0}, {META_ITXT, "parameters", SWARM("\303\251t\303\251"), 0}},
     "swarmui",
     "parameters",
     GP_EVIDENCE_STATED,
     "\303\251t\303\251",
     "blurry",
     SWARM_SETTINGS},
    {"swarm.jpg",
     {{META_JPEG_BE, NULL, SWARM("a fox"), 0}},
     "swarmui",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a fox",
     "blurry",
     SWARM_SETTINGS},
    {"swarm-variables.png",
     {{META_TEXT, "parameters", SWARM("<setvar[q]:fine art,> a <var:q> fox<comment:no> <lora:ink:1><segment:face> eye"),
       0}},
     "swarmui",
     "parameters",
     GP_EVIDENCE_STATED,
     "fine art, a fine art, fox  <lora:ink:1>",
     "blurry",
     "{\"steps\": 20, \"sampler\": \"euler\", \"scheduler\": \"karras\", \"cfg_scale\": 7.5, \"seed\": "
     "18446744073709551615, \"width\": 512, \"height\": 768, \"model\": \"folder/xl\", \"hires_scale\": 1.5, "
     "\"version\": \"0.9.7\", \"model_hash\": \"12ab\", \"loras\": \"ink:0.5, line:1, ink:1\"}"},
    {"swarm-random.png",
     {{META_TEXT, "parameters", SWARM("a <setmacro[c]:<random:red|blue>> fox, <macro:c>"), 0}},
     "swarmui",
     "parameters",
     GP_EVIDENCE_GUESS,
     "a <setmacro[c]:<random:red|blue>> fox, <macro:c>",
     "blurry",
     SWARM_SETTINGS},
    {"fooocus.png",
     {{META_TEXT, "parameters",
       "{\"prompt\": \"a boat\", \"negative_prompt\": \"\", \"resolution\": \"(896, 1152)\", \"base_model\": \"jug\","
       " \"base_model_hash\": \"aeb7\", \"guidance_scale\": 4.0, \"seed\": \"6952411511246973023\", \"steps\": 30,"
       " \"refiner_model\": \"None\", \"loras\": [[\"offset\", 0.1, \"4852\"], [\"None\", 1.0]], \"sampler\": \"dpm\","
       " \"version\": \"Fooocus v2.5\"}",
       0},
      {META_TEXT, "fooocus_scheme", "fooocus", 0}},
     "fooocus",
     "parameters",
     GP_EVIDENCE_STATED,
     "a boat",
     NULL,
     "{\"steps\": 30, \"sampler\": \"dpm\", \"cfg_scale\": 4, \"seed\": 6952411511246973023, \"width\": 896, "
     "\"height\": 1152, \"model\": \"jug\", \"model_hash\": \"aeb7\", \"version\": \"Fooocus v2.5\", "
     "\"loras\": \"offset:0.1\"}"},
    {"fooocus-a1111.png",
     {{META_TEXT, "parameters", INFOTEXT, 0}, {META_TEXT, "fooocus_scheme", "a1111", 0}},
     "a1111",
     "parameters",
     GP_EVIDENCE_STATED,
     "a castle",
     "fog",
     INFOTEXT_SETTINGS},
    {"fooocus-mre.jpg",
     {{META_JPEG_COM, NULL, "{\"prompt\": \"a bay\", \"base_model\": \"xl\", \"steps\": 8, \"seed\": 5}", 0}},
     "fooocus",
     "jpeg:comment",
     GP_EVIDENCE_STATED,
     "a bay",
     NULL,
     "{\"steps\": 8, \"seed\": 5, \"model\": \"xl\"}"},
    {"ruined.png",
     {{META_TEXT, "parameters",
       "{\"Prompt\": \"a hut\", \"Negative\": \"rain\", \"steps\": 30, \"cfg\": 8, \"width\": 64, \"height\": 32,"
       " \"seed\": 7, \"sampler_name\": \"dpmpp\", \"scheduler\": \"karras\", \"base_model_name\": \"m\","
       " \"loras\": [{\"name\": \"ink\", \"weight\": 0.5}], \"denoise\": null, \"software\": \"RuinedFooocus\"}",
       0}},
     "ruined-fooocus",
     "parameters",
     GP_EVIDENCE_STATED,
     "a hut",
     "rain",
     "{\"steps\": 30, \"sampler\": \"dpmpp\", \"scheduler\": \"karras\", \"cfg_scale\": 8, \"seed\": 7, \"width\": 64, "
     "\"height\": 32, \"model\": \"m\", \"loras\": \"ink:0.5\"}"},
    {"space.png",
     {{META_TEXT, "parameters",
       "{\"prompt\": \"a pond\", \"negative_prompt\": \"mud\", \"resolution\": \"832 x 1216\", \"guidance_scale\": 7,"
       " \"num_inference_steps\": 28, \"seed\": 3, \"sampler\": \"Euler a\", \"Model\": \"animagine\","
       " \"Model hash\": \"e3c47aedb0\", \"use_upscaler\": {\"upscale_by\": 1.5}}",
       0}},
     "hugging-face-space",
     "parameters",
     GP_EVIDENCE_STATED,
     "a pond",
     "mud",
     "{\"steps\": 28, \"sampler\": \"Euler a\", \"cfg_scale\": 7, \"seed\": 3, \"width\": 832, \"height\": 1216, "
     "\"model\": \"animagine\", \"model_hash\": \"e3c47aedb0\", \"hires_scale\": 1.5}"},
    {"invoke.png",
     {{META_ITXT, "invokeai_metadata",
       "{\"positive_prompt\": \"a lake\", \"negative_prompt\": \"mist\", \"width\": 64, \"height\": 32, \"seed\": 9,"
       " \"cfg_scale\": 6.0, \"steps\": 24, \"scheduler\": \"euler_a\", \"model\": {\"name\": \"m\", \"hash\": "
       "\"b:1\"},"
       " \"loras\": [{\"model\": {\"name\": \"ink\"}, \"weight\": 0.75}], \"app_version\": \"6.1\"}",
       0}},
     "invokeai",
     "invokeai_metadata",
     GP_EVIDENCE_STATED,
     "a lake",
     "mist",
     "{\"steps\": 24, \"sampler\": \"euler_a\", \"cfg_scale\": 6, \"seed\": 9, \"width\": 64, \"height\": 32, "
     "\"model\": \"m\", \"model_hash\": \"b:1\", \"version\": \"6.1\", \"loras\": \"ink:0.75\"}"},
    {"invoke-graph.png",
     {{META_ITXT, "invokeai_graph",
       "{\"nodes\": {\"a\": {\"type\": \"noise\"}, \"core_metadata:x\": {\"type\": \"core_metadata\","
       " \"positive_prompt\": \"a lake\", \"negative_prompt\": null, \"seed\": 9}}}",
       0}},
     "invokeai",
     "invokeai_graph",
     GP_EVIDENCE_STATED,
     "a lake",
     NULL,
     "{\"seed\": 9}"},
    {"invoke-2.png",
     {{META_TEXT, "Dream", "\"dream\" -s 1", 0},
      {META_TEXT, "sd-metadata",
       "{\"model_weights\": \"m\", \"model_hash\": \"56d1\", \"app_version\": \"2.3\", \"image\": {\"prompt\":"
       " [{\"prompt\": \"a road [cars, dust]\", \"weight\": 1.0}], \"steps\": 50, \"cfg_scale\": 5, \"seed\": 2,"
       " \"width\": 64, \"height\": 32, \"sampler\": \"k_lms\"}}",
       0}},
     "invokeai",
     "sd-metadata",
     GP_EVIDENCE_STATED,
     "a road",
     "cars, dust",
     "{\"steps\": 50, \"sampler\": \"k_lms\", \"cfg_scale\": 5, \"seed\": 2, \"width\": 64, \"height\": 32, "
     "\"model\": \"m\", \"model_hash\": \"56d1\", \"version\": \"2.3\"}"},
    {"invoke-1.png",
     {{META_TEXT, "Dream", "\"a \\\"big\\\" road [cars]\" -s 50 -S 2980747362 -W512 -H 768 -C 7.5 -A k_lms -U 4", 0}},
     "invokeai",
     "Dream",
     GP_EVIDENCE_STATED,
     "a \"big\" road",
     "cars",
     "{\"steps\": 50, \"seed\": 2980747362, \"width\": 512, \"height\": 768, \"cfg_scale\": 7.5, "
     "\"sampler\": \"k_lms\"}"},
    {"novelai.png",
     {{META_TEXT, "Description", "two cats", 0},
      {META_TEXT, "Software", "NovelAI", 0},
      {META_TEXT, "Source", "NovelAI Diffusion V4 C02D4F98", 0},
      {META_TEXT, "Comment", NOVELAI, 0}},
     "novelai",
     "Comment",
     GP_EVIDENCE_STATED,
     "two cats",
     "noise",
     NOVELAI_SETTINGS},
    {"novelai-1.png",
     {{META_TEXT, "Description", "a cat", 0},
      {META_TEXT, "Software", "NovelAI", 0},
      {META_TEXT, "Comment", "{\"steps\": 50, \"scale\": 11, \"uc\": \"noise\"}", 0}},
     "novelai",
     "Comment",
     GP_EVIDENCE_STATED,
     "a cat",
     "noise",
     "{\"steps\": 50, \"cfg_scale\": 11}"},
    {"novelai.webp",
     {{META_WEBP_BE, NULL,
       "{\"Software\": \"NovelAI\", \"Source\": \"X Y\", \"Comment\": \"{\\\"prompt\\\": \\\"a cat\\\","
       " \\\"steps\\\": 4}\"}",
       0}},
     "novelai",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a cat",
     NULL,
     "{\"steps\": 4, \"model\": \"X Y\"}"},
    {"tensorart.png",
     {{META_TEXT, "generation_data", TENSORART, sizeof TENSORART - 1}, {META_TEXT, "prompt", GRAPH "}", 0}},
     "tensorart",
     "generation_data",
     GP_EVIDENCE_STATED,
     "a bird",
     "cage",
     "{\"steps\": 25, \"sampler\": \"Euler\", \"cfg_scale\": 7, \"seed\": 12, \"width\": 64, \"height\": 32, "
     "\"model\": \"m\", \"model_hash\": \"AB\", \"clip_skip\": 2}"},
    {"civitai.jpg",
     {{META_JPEG_LE, NULL,
       GRAPH ",\"extraMetadata\":\"{\\\"prompt\\\":\\\"a bird\\\",\\\"negativePrompt\\\":\\\"cage\\\",\\\"steps\\\":25,"
             "\\\"cfgScale\\\":7,\\\"sampler\\\":\\\"Euler a\\\",\\\"seed\\\":5}\"}",
       0}},
     "civitai",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a bird",
     "cage",
     "{\"steps\": 25, \"sampler\": \"Euler a\", \"cfg_scale\": 7, \"seed\": 5}"},
    {"civitai-text-le.jpg",
     {{META_JPEG_LE, NULL, INFOTEXT, 0}},
     "a1111",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a castle",
     "fog",
     INFOTEXT_SETTINGS},
    {"civitai-text-be.jpg",
     {{META_JPEG_BE, NULL, INFOTEXT, 0}},
     "a1111",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a castle",
     "fog",
     INFOTEXT_SETTINGS},
    {"utf8.jpg",
     {{META_JPEG_UTF8, NULL, INFOTEXT, 0}},
     "a1111",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a castle",
     "fog",
     INFOTEXT_SETTINGS},
    {"stability-matrix.png",
     {{META_TEXT, "parameters-json",
       "{\"PositivePrompt\":\"a tree\",\"NegativePrompt\":\"leaf\",\"Steps\":20,"
       "\"Sampler\":\"Euler\",\"CfgScale\":5,\"Seed\":3,\"Height\":32,\"Width\":64,"
       "\"ModelHash\":\"A5\",\"ModelName\":\"m\"}",
       0}},
     "stability-matrix",
     "parameters-json",
     GP_EVIDENCE_STATED,
     "a tree",
     "leaf",
     "{\"steps\": 20, \"sampler\": \"Euler\", \"cfg_scale\": 5, \"seed\": 3, \"width\": 64, \"height\": 32, "
     "\"model\": \"m\", \"model_hash\": \"A5\"}"},
    {"easy.png",
     {{META_TEXT, "prompt", "a hill", 0},
      {META_ZTXT, "negative_prompt", "snow", 0},
      {META_TEXT, "use_stable_diffusion_model", "sd-v1-5", 0},
      {META_TEXT, "use_lora_model", "['styles/ink', \"it's\", 'c, d']", 0},
      {META_TEXT, "lora_alpha", "[0.5, 1]", 0}},
     "easy-diffusion",
     "prompt",
     GP_EVIDENCE_STATED,
     "a hill",
     "snow",
     "{\"model\": \"sd-v1-5\", \"loras\": \"styles/ink:0.5, it's:1, c, d\"}"},
    {"easy.jpg",
     {{META_JPEG_BE, NULL,
       "{\"Prompt\": \"a hill\", \"Negative Prompt\": \"snow\", \"Seed\": 77, \"Stable Diffusion model\": \"sd\", "
       "\"LoRA model\": [\"ink\", \"oil\"], \"LoRA Strength\": [0.25, \"1\"]}",
       0}},
     "easy-diffusion",
     "exif:UserComment",
     GP_EVIDENCE_STATED,
     "a hill",
     "snow",
     "{\"seed\": 77, \"model\": \"sd\", \"loras\": \"ink:0.25, oil:1\"}"},
    {"draw-things.png",
     {{META_ITXT, "XML:com.adobe.xmp",
       XMP("><exif:UserComment><rdf:Alt><rdf:li xml:lang=\"x-default\">{&quot;c&quot;:&quot;a &#x26; b&quot;,"
           "&quot;uc&quot;:&quot;fog&quot;,&quot;model&quot;:&quot;m.ckpt&quot;,&quot;sampler&quot;:&quot;Euler&quot;,"
           "&quot;scale&quot;:4.5,&quot;seed&quot;:8,&quot;size&quot;:&quot;512x768&quot;,&quot;steps&quot;:20,"
           "&quot;strength&quot;:1}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description>"),
       0}},
     "draw-things",
     "xmp exif:UserComment",
     GP_EVIDENCE_STATED,
     "a & b",
     "fog",
     "{\"steps\": 20, \"sampler\": \"Euler\", \"cfg_scale\": 4.5, \"seed\": 8, \"width\": 512, \"height\": 768, "
     "\"model\": \"m.ckpt\", \"denoising_strength\": 1}"},
    {"sdcpp.webp",
     {{META_WEBP_XMP, NULL,
       XMP("sdcpp:parameters=\"a &lt;castle&gt;&#10;Negative prompt: fog&#xA;Steps: 20, Seed: 42, Sampler: Euler\"/>"),
       0}},
     "a1111",
     "sdcpp:parameters",
     GP_EVIDENCE_STATED,
     "a <castle>",
     "fog",
     "{\"steps\": 20, \"seed\": 42, \"sampler\": \"Euler\"}"},
    {"sdcpp.jpg",
     {{META_JPEG_COM, NULL, "parameters\0" INFOTEXT, sizeof("parameters\0" INFOTEXT) - 1}},
     "a1111",
     "jpeg:comment",
     GP_EVIDENCE_STATED,
     "a castle",
     "fog",
     INFOTEXT_SETTINGS},
    {"midjourney.png",
     {{META_TEXT, "Description", "a red kite, wide --no birds, trees --ar 16:9 --v 6.1 --seed 12 Job ID: " UUID, 0},
      {META_TEXT, "Author", "someone", 0}},
     "midjourney",
     "Description",
     GP_EVIDENCE_STATED,
     "a red kite, wide",
     "birds, trees",
     "{\"aspect_ratio\": \"16:9\", \"version\": 6.1, \"seed\": 12}"},
    {"midjourney-plain.png",
     {{META_TEXT, "Description", "a red kite, wide Job ID: " UUID, 0}},
     "midjourney",
     "Description",
     GP_EVIDENCE_STATED,
     "a red kite, wide",
     NULL,
     "{}"},
    {"midjourney-unknown.png",
     {{META_TEXT, "Description", "a kite -- red --wings two --v 5 Job ID: " UUID, 0}},
     "midjourney",
     "Description",
     GP_EVIDENCE_GUESS,
     "a kite -- red --wings two",
     NULL,
     "{\"version\": 5}"},
    {"swarm-trigger.png",
     {{META_TEXT, "parameters", "{\"sui_image_params\": {\"prompt\": \"a <trigger> fox\"}}", 0}},
     "swarmui",
     "parameters",
     GP_EVIDENCE_GUESS,
     "a <trigger> fox",
     NULL,
     "{}"},
    {"invoke-two-nodes.png",
     {{META_TEXT, "invokeai_graph",
       "{\"nodes\": {\"a\": {\"type\": \"core_metadata\", \"positive_prompt\": \"a mill\"}, \"b\": {\"type\": "
       "\"core_metadata\", \"positive_prompt\": \"a barn\"}}}",
       0}},
     "invokeai",
     "invokeai_graph",
     GP_EVIDENCE_GUESS,
     "a mill",
     NULL,
     "{}"},
    {"invoke-linked-prompt.png",
     {{META_TEXT, "invokeai_graph",
       "{\"nodes\": {\"a\": {\"type\": \"core_metadata\", \"positive_prompt\": \"a mill\"}}, \"edges\": "
       "[{\"source\": {\"node_id\": \"c\", \"field\": \"value\"}, \"destination\": {\"node_id\": \"a\", "
       "\"field\": \"positive_prompt\"}}]}",
       0}},
     "invokeai",
     "invokeai_graph",
     GP_EVIDENCE_GUESS,
     "a mill",
     NULL,
     "{}"},
    {"seed-zeros.png",
     {{META_TEXT, "parameters", "a castle\nSteps: 020, Sampler: Euler, Seed: 09223372036854775809", 0}},
     "a1111",
     "parameters",
     GP_EVIDENCE_STATED,
     "a castle",
     NULL,
     "{\"steps\": 20, \"sampler\": \"Euler\", \"seed\": 9223372036854775809}"},
    {"midjourney-cut.jpg",
     {{META_JPEG_XMP, NULL, XMP("dc:description='a kite --v 5'/>"), 0}},
     "midjourney",
     "xmp dc:description",
     GP_EVIDENCE_GUESS,
     "a kite",
     NULL,
     "{\"version\": 5}"},
    {"iptc.jpg",
     {{META_JPEG_XMP, NULL,
       XMP("Iptc4xmpExt:AISystemUsed=\"Painter\" Iptc4xmpExt:DigitalSourceType=\"http://cv.iptc.org/newscodes/"
           "digitalsourcetype/trainedAlgorithmicMedia\"/>"),
       0}},
     "iptc",
     "no prompt: IPTC fields say that a model made the image",
     GP_EVIDENCE_NONE,
     NULL,
     NULL,
     "{\"ai_system\": \"Painter\"}"},
    {"c2pa.png",
     {{META_CHUNK, "caBX", "jumb c2pa", 0}},
     "c2pa",
     "no prompt: the file has Content Credentials (C2PA), which goldpan does not read",
     GP_EVIDENCE_NONE,
     NULL,
     NULL,
     "{}"},
    {"c2pa.jpg",
     {{META_JPEG_JUMBF, NULL, "JP\0\1\0\0\0\1\0\0\0\40jumb....c2pa", 24}},
     "c2pa",
     "no prompt: the file has Content Credentials (C2PA), which goldpan does not read",
     GP_EVIDENCE_NONE,
     NULL,
     NULL,
     "{}"},
    /* texts that resemble the metadata of a known program, but are no such metadata */
    {"camera.jpg",
     {{META_JPEG_XMP, NULL, XMP("dc:description=\"a kite -- by hand\"/>"), 0}},
     NULL,
     NULL,
     GP_EVIDENCE_NONE,
     NULL,
     NULL,
     NULL},
    {"comment.png",
     {{META_TEXT, "Comment", "{\"steps\": 3, \"prompt\": \"x\"}", 0}},
     NULL,
     NULL,
     GP_EVIDENCE_NONE,
     NULL,
     NULL,
     NULL},
    {"broken.png",
     {{META_TEXT, "parameters", "{\"sui_image_params\": {\"prompt\": \"a fox\"", 0}},
     NULL,
     NULL,
     GP_EVIDENCE_NONE,
     NULL,
     NULL,
     NULL},
};
enum { FORM_COUNT = sizeof forms / sizeof *forms };

static gp_status read_file(const gp_str *file, gp_meta *meta, gp_error *err)
{
    gp_chunks chunks = {0};
    gp_status st = gp_image_read_chunks((const uint8_t *)file->data, file->size, &chunks, err);
    if (st == GP_OK) st = gp_meta_read_file((const uint8_t *)file->data, file->size, &chunks, NULL, meta, err);
    gp_chunks_clear(&chunks);
    return st;
}

static size_t compare(const char *file, const char *field, const char *ours, const char *expected)
{
    if (strcmp(or_none(ours), or_none(expected)) == 0) return 0;
    print_error("%s: %s is '%s', expected '%s'\n", file, field, or_none(ours), or_none(expected));
    return 1;
}

static void test_forms(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < FORM_COUNT; i++) {
        const struct form *f = &forms[i];
        gp_str file = meta_file(f->texts);
        gp_meta meta = {0};
        gp_error err = {0};
        assert_ok(read_file(&file, &meta, &err));
        wrong += compare(f->name, "tool", meta.tool, f->tool);
        wrong += compare(f->name, "where", meta.where, f->where);
        wrong += compare(f->name, "evidence", gp_evidence_name(meta.evidence), gp_evidence_name(f->evidence));
        wrong += compare(f->name, "prompt", meta.prompt, f->prompt);
        wrong += compare(f->name, "negative", meta.negative, f->negative);
        wrong += compare(f->name, "settings", meta.settings_json, f->settings);
        gp_meta_clear(&meta);
        gp_str_clear(&file);
    }
    assert_int_equal(wrong, 0);
}

/* ------------------------------------------------------------------ text in pixels */

#define HIDDEN_NOVELAI                                                                                                 \
    "{\"Software\": \"NovelAI\", \"Comment\": \"{\\\"prompt\\\": \\\"a castle\\\", \\\"steps\\\": 4}\"}"

static const struct hidden {
    const char *name;
    meta_hidden form;
    const char *text, *tool;
} hidden[] = {
    {"alpha.png", {40, 60, true, false, 0}, INFOTEXT, "a1111"},
    {"alpha-packed.png", {9, 200, true, true, 0}, INFOTEXT, "a1111"},
    {"rgb.png", {30, 20, false, false, 0}, INFOTEXT, "a1111"},
    {"rgb-packed.png", {200, 7, false, true, 0}, INFOTEXT, "a1111"},
    {"rgb-wide.png", {20000, 1, false, false, 0}, INFOTEXT, "a1111"},
    {"alpha-novelai.png", {64, 64, true, true, 0}, HIDDEN_NOVELAI, "novelai"},
    {"alpha-swarm.png", {64, 80, true, false, 0}, SWARM("a castle"), "swarmui"},
    {"alpha-too-long.png", {40, 60, true, false, 8000}, INFOTEXT, NULL},    /* longer than the image */
    {"alpha-odd.png", {40, 60, true, false, 3}, INFOTEXT, NULL},            /* not whole bytes */
    {"alpha-cut.png", {40, 60, true, true, (uint32_t)-80}, INFOTEXT, NULL}, /* the gzip stream is not complete */
};
enum { HIDDEN_COUNT = sizeof hidden / sizeof *hidden };

static void test_hidden(void **state)
{
    (void)state;
    for (size_t i = 0; i < HIDDEN_COUNT; i++) {
        const struct hidden *h = &hidden[i];
        gp_str file = meta_hidden_file(&h->form, h->text, strlen(h->text));
        for (uint64_t n = 0;; n++) { /* n 0: no allocation fails; otherwise, allocation n fails */
            gp_error err = {0};
            gp_meta meta = {0};
            int64_t before = gp_mem_live();
            if (n) gp_mem_fail_at(n);
            gp_status st = read_file(&file, &meta, &err);
            uint64_t seen = gp_mem_fail_at(0);
            size_t wrong = st == GP_OK ? compare(h->name, "tool", meta.tool, h->tool) : 0;
            if (st == GP_OK) wrong += compare(h->name, "prompt", meta.prompt, h->tool ? "a castle" : NULL);
            if (st == GP_OK && h->tool) wrong += compare(h->name, "where", meta.where, "stealth");
            assert_int_equal(wrong, 0);
            if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
            gp_meta_clear(&meta);
            assert_int_equal(gp_mem_live(), before);
            if (n && seen < n) break;
            assert_true(n < 10000);
        }
        /* a truncated file, whatever its length, is no error; it gives the whole prompt or no prompt */
        for (size_t size = 0; size < file.size; size += 61) {
            gp_str cut = {.data = malloc(size + 1), .size = size};
            gp_error err = {0};
            gp_meta meta = {0};
            memcpy(cut.data, file.data, size);
            assert_ok(read_file(&cut, &meta, &err));
            if (meta.prompt) assert_string_equal(meta.prompt, "a castle");
            gp_meta_clear(&meta);
            free(cut.data);
        }
        gp_str_clear(&file);
    }
}

/* ------------------------------------------------------------------ limits */

/* If an allocation fails, reading returns an error and leaks no memory. It must not report that the file has no
 * metadata. */
static void test_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORM_COUNT; i++) {
        gp_str file = meta_file(forms[i].texts);
        for (uint64_t n = 1;; n++) {
            gp_error err = {0};
            gp_meta meta = {0};
            int64_t before = gp_mem_live();
            gp_mem_fail_at(n);
            gp_status st = read_file(&file, &meta, &err);
            uint64_t seen = gp_mem_fail_at(0);
            if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
            /* in a text that is not valid JSON, a failure may have no effect */
            if (st == GP_OK && forms[i].tool && (seen >= n || !meta.found))
                fail_msg("%s: failure of allocation %d was ignored", forms[i].name, (int)n);
            gp_meta_clear(&meta);
            assert_int_equal(gp_mem_live(), before);
            if (st == GP_OK) break;
            assert_true(n < 10000);
        }
        gp_str_clear(&file);
    }
}

static bool count_finding(void *user, const gp_meta_finding *f)
{
    size_t *used = user;
    if (f->used) assert_true(f->reader && f->found);
    *used += f->used && f->evidence > GP_EVIDENCE_NONE;
    return true;
}

/* gp_meta_explain marks exactly one text of a file with a prompt as used. If an allocation fails, it returns an
 * error. */
static void test_explain(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORM_COUNT; i++) {
        gp_str file = meta_file(forms[i].texts);
        gp_error err = {0};
        gp_chunks chunks = {0};
        assert_ok(gp_image_read_chunks((const uint8_t *)file.data, file.size, &chunks, &err));
        for (uint64_t n = 0;; n++) { /* n 0: no allocation fails; otherwise, allocation n fails */
            size_t used = 0;
            int64_t before = gp_mem_live();
            if (n) gp_mem_fail_at(n);
            gp_status st = gp_meta_explain(&chunks, NULL, count_finding, &used, &err);
            uint64_t seen = gp_mem_fail_at(0);
            if (st == GP_OK && used != (forms[i].prompt != NULL))
                fail_msg("%s: %zu texts are used", forms[i].name, used);
            if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
            assert_int_equal(gp_mem_live(), before);
            if (n && seen < n) break;
        }
        gp_chunks_clear(&chunks);
        gp_str_clear(&file);
    }
}

/* SwarmUI's variables may contain other variables. Here, replacing all of them would give a text of 20^29 characters.
 * goldpan must end quickly with a small result. */
static void test_swarm_bomb(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    gp_error err = {0};
    gp_meta meta = {0};
    gp_str_puts(&s, "{\"sui_image_params\": {\"prompt\": \"<setvar[v0,false]:x>");
    for (int i = 1; i < 30; i++) {
        gp_str_printf(&s, "<setvar[v%d,false]:", i);
        for (int k = 0; k < 20; k++) gp_str_printf(&s, "<var:v%d>", i - 1);
        gp_str_puts(&s, ">");
    }
    gp_str_puts(&s, "<var:v29>\"}}");
    gp_chunk chunk = {.key = (char *)"parameters", .text = s.data, .size = s.size};
    assert_ok(gp_meta_read(&(gp_chunks){&chunk, 1, 0}, NULL, &meta, &err));
    assert_int_equal(meta.evidence, GP_EVIDENCE_GUESS);
    gp_meta_clear(&meta);
    gp_str_clear(&s);
}

/* Reads one text. The caller clears the result. */
static gp_meta read_text(const char *key, const gp_str *text)
{
    gp_error err = {0};
    gp_meta meta = {0};
    gp_chunk chunk = {.key = (char *)(uintptr_t)key, .text = text->data, .size = text->size};
    assert_ok(gp_meta_read(&(gp_chunks){&chunk, 1, 0}, NULL, &meta, &err));
    return meta;
}

static void expect_guess(const gp_str *text)
{
    gp_meta meta = read_text("parameters", text);
    assert_int_equal(meta.evidence, GP_EVIDENCE_GUESS);
    gp_meta_clear(&meta);
}

/* A long text in a variable is not read again and again, and a variable that is not stored is not replaced by another
 * one of the same name. */
static void test_swarm_limits(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT;
    gp_str_puts(&s, "{\"sui_image_params\": {\"prompt\": \"a fox <setvar[v,false]:<comment:");
    for (int i = 0; i < 2000; i++) gp_str_putc(&s, 'x');
    gp_str_puts(&s, ">>");
    for (int i = 0; i < 100; i++) gp_str_puts(&s, "<var:v>");
    gp_str_puts(&s, "\"}}");
    expect_guess(&s);
    gp_str_clear(&s);
    gp_str_puts(&s, "{\"sui_image_params\": {\"prompt\": \"");
    for (int i = 0; i < 33; i++) gp_str_printf(&s, "<setvar[v%d,false]:w%d>", i % 32, i);
    gp_str_puts(&s, "a <var:v0> fox\"}}");
    expect_guess(&s);
    gp_str_clear(&s);
}

/* A JSON text of more than 8 MiB is not parsed. */
static void test_long_json(void **state)
{
    (void)state;
    static const char *const starts[] = {"{\"sui_image_params\": {\"prompt\": \"a fox\"}, \"x\": \"",
                                         GRAPH ",\"x\": \""};
    for (int i = 0; i < 2; i++) {
        for (int longer = 0; longer < 2; longer++) {
            gp_str s = GP_STR_INIT;
            size_t pad = GP_META_MAX_JSON - strlen(starts[i]) - 2 + (size_t)longer;
            char *xs = malloc(pad);
            assert_non_null(xs);
            memset(xs, 'x', pad);
            gp_str_puts(&s, starts[i]);
            gp_str_add(&s, xs, pad);
            gp_str_puts(&s, "\"}");
            free(xs);
            gp_meta meta = read_text(i ? "prompt" : "parameters", &s);
            assert_int_equal(meta.prompt == NULL, longer);
            if (i && longer) assert_string_equal(meta.where, "no prompt: the graph is larger than 8 MiB");
            gp_meta_clear(&meta);
            gp_str_clear(&s);
        }
    }
}

static bool ignore_finding(void *user, const gp_meta_finding *f)
{
    (void)user;
    (void)f;
    return true;
}

/* A reader that joins all texts of a file is not called for each of many equal texts. */
static void test_repeated_texts(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    gp_error err = {0};
    gp_chunk *chunks = calloc(COUNT, sizeof *chunks);
    assert_non_null(chunks);
    for (int i = 0; i < COUNT; i++)
        chunks[i] = (gp_chunk){
            .key = (char *)(uintptr_t) "use_stable_diffusion_model", .text = (char *)(uintptr_t) "x", .size = 1};
    for (int explain = 0; explain < 2; explain++) {
        gp_meta meta = {0};
        gp_chunks all = {chunks, COUNT, 0};
        gp_mem_fail_at(0);
        if (explain)
            assert_ok(gp_meta_explain(&all, NULL, ignore_finding, NULL, &err));
        else
            assert_ok(gp_meta_read(&all, NULL, &meta, &err));
        assert_true(gp_mem_fail_at(0) < COUNT);
        gp_meta_clear(&meta);
    }
    free(chunks);
}

/* A tag without an end is no element, and does not make the search read the rest of the packet for each of many such
 * tags. */
static void test_open_tags(void **state)
{
    (void)state;
    gp_str s = GP_STR_INIT, value = GP_STR_INIT;
    gp_str_puts(&s, "<dc:description <b>a kite</b>");
    assert_false(gp_xmp_get(s.data, s.size, "dc:description", &value));
    for (int i = 0; i < 200000; i++) gp_str_puts(&s, "<dc:description ");
    assert_false(gp_xmp_get(s.data, s.size, "dc:description", &value));
    gp_str_puts(&s, "<dc:description>a kite</dc:description>");
    assert_true(gp_xmp_get(s.data, s.size, "dc:description", &value));
    assert_string_equal(value.data, "a kite");
    gp_str_clear(&value);
    gp_str_clear(&s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),     cmocka_unit_test(test_hidden),         cmocka_unit_test(test_memory),
        cmocka_unit_test(test_explain),   cmocka_unit_test(test_swarm_bomb),     cmocka_unit_test(test_swarm_limits),
        cmocka_unit_test(test_long_json), cmocka_unit_test(test_repeated_texts), cmocka_unit_test(test_open_tags),
    };
    for (size_t i = 0; argc == 2 && i < FORM_COUNT; i++) {
        gp_str file = meta_file(forms[i].texts);
        put_file(argv[1], forms[i].name, file.data, file.size);
        gp_str_clear(&file);
    }
    for (size_t i = 0; argc == 2 && i < HIDDEN_COUNT; i++) {
        gp_str file = meta_hidden_file(&hidden[i].form, hidden[i].text, strlen(hidden[i].text));
        put_file(argv[1], hidden[i].name, file.data, file.size);
        gp_str_clear(&file);
    }
    return argc == 2 ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
